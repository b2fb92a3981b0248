// gzip (RFC 1952), a piece at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace tally::http {

class Gzip {
 public:
  Gzip();
  ~Gzip();
  Gzip(Gzip&&) noexcept;
  Gzip& operator=(Gzip&&) noexcept;

  // Appends what `bytes` become; some of it may come with a later piece.
  void add(std::string_view bytes, std::string& out);
  // Appends the end. Call once, last.
  void finish(std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether an Accept-Encoding wants gzip (RFC 9110): named, or by `*`, with a weight above 0.
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace tally::http
