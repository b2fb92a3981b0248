// A webhook receiver on a port of its own, which answers as the path asks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tally::webhook::test {

// POST /status/NNN[/...] answers NNN; /paid/REF answers 200 with {"reference":"REF"}; /retry/VALUE answers 503 with
// `Retry-After: VALUE` ('_' for a blank); /redirect points to /status/200; /long answers 200 with a body of a megabyte,
// /long500 500 with one; /stall answers 200 and half a body; /hang nothing; /reset closes after the request; /garbage
// is no HTTP; /continue answers 100 and then nothing.
class Receiver {
 public:
  struct Seen {
    std::string head;  // request line and headers
    std::string body;
  };

  Receiver();
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  std::uint16_t port() const;
  std::string url(const std::string& path, const std::string& host = "127.0.0.1") const;
  std::vector<Seen> seen() const;
  std::size_t connections() const;  // accepted so far

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace tally::webhook::test
