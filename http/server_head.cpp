#include "http/server_head.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

#include "http/target.h"

namespace tally::http {
namespace {

namespace beast = boost::beast;
using beast::string_view;

// Takes the header only: the body's framing is decided by check_head, and read by the session.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  explicit HeadParser(Request& request) : request_(request) {
    skip(true);
    header_limit(std::numeric_limits<std::uint32_t>::max());
  }

 private:
  void on_request_impl(beast::http::verb, string_view method, string_view target, int, beast::error_code&) override {
    request_.method.assign(method.data(), method.size());
    request_.target.assign(target.data(), target.size());
  }
  void on_field_impl(beast::http::field, string_view name, string_view value, beast::error_code&) override {
    Field& field = request_.headers.emplace_back();
    field.first.resize(name.size());
    std::ranges::transform(name, field.first.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    field.second.assign(value.data(), value.size());
  }
  void on_response_impl(int, string_view, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(string_view, beast::error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, string_view, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view, beast::error_code&) override { return 0; }
  void on_finish_impl(beast::error_code&) override {}

  Request& request_;
};

}  // namespace

bool fill_head(std::string_view head, Request& request) {
  constexpr std::size_t fields_typical = 8;
  request.headers.reserve(fields_typical);
  HeadParser parser(request);
  beast::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error || used != head.size() || !parser.is_done()) return false;
  split_target(request);
  return true;
}

}  // namespace tally::http
