#include <curl/curl.h>

#include <array>
#include <memory>
#include <vector>

#include "tools/bench/limits.h"
#include "tools/bench/measure.h"

namespace tally::tools::bench {

namespace {

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  if (curl_easy_setopt(easy, option, value) != CURLE_OK) give_up("libcurl refuses an option");
}

template <class Value>
void set(CURLM* multi, CURLMoption option, Value value) {
  if (curl_multi_setopt(multi, option, value) != CURLM_OK) give_up("libcurl refuses an option");
}

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// As many header lines as a signed delivery has.
std::unique_ptr<curl_slist, FreeList> delivery_headers() {
  curl_slist* list = nullptr;
  for (const char* line :
       {"Content-Type: application/json", "Expect:", "webhook-id: msg_0123456789abcdef01234567",
        "webhook-timestamp: 1770000000", "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="}) {
    list = curl_slist_append(list, line);
  }
  return std::unique_ptr<curl_slist, FreeList>(list);
}

}  // namespace

void post_by_curl(const std::string& url, std::uint64_t posts, std::size_t body_bytes, std::size_t concurrency) {
  static const bool started = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK;
  if (!started) give_up("libcurl cannot start");
  const auto headers = delivery_headers();
  const std::string body(body_bytes, 'x');
  const std::unique_ptr<CURLM, FreeMulti> multi(curl_multi_init());
  set(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(concurrency));
  std::vector<std::unique_ptr<CURL, FreeEasy>> easies;
  std::uint64_t begun = 0;
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < concurrency && begun < posts; ++i, ++begun) {
    CURL* easy = easies.emplace_back(curl_easy_init()).get();
    set(easy, CURLOPT_URL, url.c_str());
    set(easy, CURLOPT_HTTPHEADER, headers.get());
    set(easy, CURLOPT_POSTFIELDS, body.c_str());
    set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    set(easy, CURLOPT_WRITEFUNCTION, ignore);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    curl_multi_add_handle(multi.get(), easy);
  }
  while (done < posts) {
    int running = 0;
    curl_multi_perform(multi.get(), &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* easy = message->easy_handle;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      if (message->data.result != CURLE_OK || status / 100 != 2) give_up("the receiver did not take a POST");
      ++done;
      curl_multi_remove_handle(multi.get(), easy);
      if (begun < posts) {
        ++begun;
        curl_multi_add_handle(multi.get(), easy);
      }
    }
    if (done < posts) curl_multi_poll(multi.get(), nullptr, 0, 100, nullptr);
  }
  for (const auto& easy : easies) curl_multi_remove_handle(multi.get(), easy.get());
}

}  // namespace tally::tools::bench
