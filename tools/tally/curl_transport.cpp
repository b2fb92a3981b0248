// The only file of the command line tool that names libcurl.
#include <curl/curl.h>

#include <mutex>

#include "tools/tally/transport.h"

namespace tally::tools {
namespace {

constexpr std::size_t answer_bytes_max = 256U << 20U;
constexpr long connect_timeout_ms = 5'000;

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Handle = std::unique_ptr<CURL, CloseHandle>;
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

struct Incoming {
  HttpAnswer answer;
  bool too_large = false;
};

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& incoming = *static_cast<Incoming*>(user);
  if (incoming.answer.body.size() + size * count > answer_bytes_max) {
    incoming.too_large = true;
    return 0;
  }
  incoming.answer.body.append(data, size * count);
  return size * count;
}

bool is_loopback(const std::string& url) {
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return false;
  char* text = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_HOST, &text, 0) != CURLUE_OK) return false;
  const std::string host(text);
  curl_free(text);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

void set_method(CURL* handle, const HttpRequest& request) {
  if (request.method == "GET") {
    curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
    return;
  }
  if (request.method != "DELETE") {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
  }
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

HeaderList header_list(const HttpRequest& request) {
  HeaderList list;
  const auto add = [&list](const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); };
  add("Expect:");  // a round trip that a batch need not wait for
  for (const auto& [name, value] : request.headers) add(name + ": " + value);
  return list;
}

class CurlTransport final : public Transport {
 public:
  CurlTransport() { curl_global_init(CURL_GLOBAL_DEFAULT); }

  Result<HttpAnswer> send(const HttpRequest& request) override {
    Handle handle = borrow();
    if (!handle) return fail(Errc::unavailable, "libcurl has no memory");
    Incoming incoming;
    const HeaderList headers = header_list(request);
    curl_easy_setopt(handle.get(), CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle.get(), CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_seconds) * 1000);
    curl_easy_setopt(handle.get(), CURLOPT_USERAGENT, "tally-cli");
    curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &incoming);
    if (is_loopback(request.url)) curl_easy_setopt(handle.get(), CURLOPT_PROXY, "");
    set_method(handle.get(), request);
    const CURLcode code = curl_easy_perform(handle.get());
    if (code == CURLE_OK) read_head(handle.get(), incoming.answer);
    give_back(std::move(handle));
    if (incoming.too_large) return fail(Errc::too_large, "the answer is larger than 256 MiB");
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
      return fail(Errc::invalid_argument, "`" + request.url + "` is no http or https URL");
    }
    if (code != CURLE_OK) return fail(Errc::unavailable, curl_easy_strerror(code));
    return std::move(incoming.answer);
  }

 private:
  // Handles wait here between requests, each with its open connection.
  Handle borrow() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(idle_.back());
    idle_.pop_back();
    return handle;
  }

  void give_back(Handle handle) {
    curl_easy_reset(handle.get());  // keeps the connection
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(handle));
  }

  static void read_head(CURL* handle, HttpAnswer& answer) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    curl_header* header = nullptr;
    if (curl_easy_header(handle, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
      answer.retry_after = header->value;
  }

  std::mutex mutex_;
  std::vector<Handle> idle_;
};

}  // namespace

std::unique_ptr<Transport> make_curl_transport() {
  return std::make_unique<CurlTransport>();
}

}  // namespace tally::tools
