// A body whose end is not known when its answer begins: a writer on any thread, a reader in the server, and a bound on
// what lies between them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tally::http {

struct BodyPipe;

// Thread-safe. Dropping it ends the body.
class BodyWriter {
 public:
  explicit BodyWriter(std::shared_ptr<BodyPipe> pipe) : pipe_(std::move(pipe)) {}
  ~BodyWriter() { end(); }
  BodyWriter(const BodyWriter&) = delete;
  BodyWriter& operator=(const BodyWriter&) = delete;

  // False: the body has ended or the client is gone, as it is once more would wait for it than the bound allows.
  bool write(std::string_view bytes);
  void end();
  // Calls `then` once, on any thread, when the client is gone before the end; at once if it is. It must be short and
  // must not write.
  void on_gone(std::function<void()> then);
  // Calls `then` once, on any thread, when all that was written is on its way to the client; at once if it is. Not
  // called when the client is gone.
  void on_taken(std::function<void()> then);
  // Cuts the connection, as the client must not take what it has for the whole.
  void fail();

 private:
  std::shared_ptr<BodyPipe> pipe_;
};

// The server's side; for one thread. Dropping it before the last piece was taken tells the writer that the client is
// gone.
class BodyReader {
 public:
  explicit BodyReader(std::shared_ptr<BodyPipe> pipe) : pipe_(std::move(pipe)) {}
  ~BodyReader();
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;

  // `wake` is called on any thread when there may be more to take; it must be short. Call take() after it is set.
  void on_more(std::function<void()> wake);

  struct Piece {
    std::string bytes;
    bool last = false;
    bool overrun = false;  // the client reads too slowly: cut it off
  };
  Piece take();

 private:
  std::shared_ptr<BodyPipe> pipe_;
};

struct BodyEnds {
  std::shared_ptr<BodyWriter> writer;
  std::shared_ptr<BodyReader> reader;  // goes into Response::stream
};
BodyEnds make_body_stream(std::size_t waiting_bytes_max);

}  // namespace tally::http
