// The class of a connection. For http/server_session.cpp alone, which defines it.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/body_stream.h"
#include "http/chunked.h"
#include "http/read_buffer.h"
#include "http/server_io.h"

namespace tally::http {

using TlsStream = asio::ssl::stream<Socket>;

inline Socket& socket_of(Socket& stream) {
  return stream;
}
inline Socket& socket_of(TlsStream& stream) {
  return stream.next_layer();
}

template <class Stream>
class Session final : public SessionBase, public std::enable_shared_from_this<Session<Stream>> {
 public:
  template <class... Args>
  Session(IoThread& io, IpAddress peer, bool operator_listener, Args&&... args)
      : io_(io),
        shared_(io.shared),
        stream_(std::forward<Args>(args)...),
        peer_(peer),
        operator_listener_(operator_listener) {}

  void start() override;
  void start_refused() override;
  void answer(Response&& response) override;
  void drain() override;
  void abort() override { close(); }

 private:
  static constexpr bool tls = std::is_same_v<Stream, TlsStream>;

  // idle and header read the same bytes; they differ in their deadline.
  // stream waits for more of a body that is streamed; what came of it is sent in write.
  enum class Stage : std::uint8_t { handshake, idle, header, body, handler, write, stream, linger, closed };

  struct Deadline final : TimerWheel::Timer {
    explicit Deadline(Session& owner) : session(owner) {}
    void expired() override { session.deadline_missed(); }
    Session& session;
  };

  // The steps of a request. Each true: go on with the next at once; false: something is under way that will call
  // advance().
  void advance();
  bool take_header();
  bool accept_header(std::size_t size);
  bool ask_for_body();
  bool take_body();
  bool dispatch();
  bool send_answer();
  void begin_stream(std::shared_ptr<BodyReader> body);
  bool send_more();
  void watch_client();
  bool after_write();

  void read();
  void spare_buffer();
  void on_read(ErrorCode error, std::size_t size);
  bool write();
  void write_rest();
  void refuse(int status, std::string_view code);
  void tell(const Response& response);
  void deadline_missed();
  void linger();
  void close();

  std::string_view buffered() const noexcept { return buffer_.view(); }
  std::size_t body_limit() const;

  IoThread& io_;
  ServerContext& shared_;
  Stream stream_;
  IpAddress peer_;
  bool operator_listener_;
  Stage stage_ = Stage::idle;
  Deadline deadline_{*this};

  ReadBuffer buffer_;  // received and not yet consumed
  bool reading_ = false;

  Request request_;
  std::size_t scanned_ = 0;  // of the header, by scan_head
  bool is_head_ = false;
  int version_minor_ = 1;
  bool keep_alive_ = true;
  std::uint64_t body_left_ = 0;         // by Content-Length
  std::optional<ChunkDecoder> chunks_;  // or by chunks
  std::size_t body_progress_ = 0;       // since the deadline was armed
  std::string request_id_;
  std::string path_;  // this and the method stay when the handler has taken the request
  std::string method_;
  std::optional<std::int64_t> complete_ns_;  // when the request had come

  std::optional<Response> answer_;
  bool in_handler_ = false;
  bool continue_sent_ = false;  // what is being written is 100 Continue, no answer
  std::string out_head_;
  std::string out_body_;
  std::size_t written_ = 0;
  std::shared_ptr<BodyReader> streamed_;  // what follows what is being written
  bool chunked_ = false;
  std::optional<std::uint64_t> stream_left_bytes_;  // of a body whose length was told
};

}  // namespace tally::http
