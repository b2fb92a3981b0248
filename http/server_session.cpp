#include "http/server_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <utility>

#include "http/response_head.h"
#include "http/server_connection.h"
#include "http/server_head.h"

namespace tally::http {
namespace {

constexpr std::size_t buffer_bytes = 4 * 1024;        // what an idle connection holds
constexpr std::size_t body_buffer_bytes = 64 * 1024;  // while a body streams in
constexpr std::size_t body_progress_bytes = 16 * 1024;

}  // namespace

template <class Stream>
void Session<Stream>::start() {
  if constexpr (tls) {
    stage_ = Stage::handshake;
    io_.arm(deadline_, shared_.settings.deadlines.header_ms);
    stream_.async_handshake(asio::ssl::stream_base::server, [self = this->shared_from_this()](ErrorCode error) {
      if (self->stage_ != Stage::handshake) return;
      if (error) return self->close();
      self->stage_ = Stage::idle;
      self->advance();
    });
  } else {
    ErrorCode ignored;
    stream_.non_blocking(true, ignored);
    stage_ = Stage::idle;
    advance();
  }
}

template <class Stream>
void Session<Stream>::start_refused() {
  if constexpr (tls) {
    close();  // a handshake is what there is no room for
  } else {
    ErrorCode ignored;
    stream_.non_blocking(true, ignored);
    refuse(503, "overloaded");
  }
}

template <class Stream>
void Session<Stream>::advance() {
  while (true) {
    if ((stage_ == Stage::idle || stage_ == Stage::header) && !take_header()) return;
    if (stage_ == Stage::body && !take_body()) return;
    if (!dispatch() || !send_answer() || !after_write()) return;
  }
}

template <class Stream>
bool Session<Stream>::take_header() {
  const HeadScan scan = scan_head(buffered(), scanned_);
  switch (scan.state) {
    case HeadEnd::complete:
      return accept_header(scan.size);
    case HeadEnd::malformed:
      refuse(400, "malformed_request");
      return false;
    case HeadEnd::incomplete:
      break;
  }
  if (buffered().size() >= shared_.settings.header.bytes_max) {
    refuse(431, "header_too_large");
  } else if (buffered().empty() && shared_.draining) {
    close();
  } else {
    // Armed once for a header, however many reads it takes: a byte now and then does not keep a connection.
    if (buffered().empty()) {
      io_.arm(deadline_, shared_.settings.deadlines.idle_ms);
    } else if (stage_ == Stage::idle) {
      stage_ = Stage::header;
      io_.arm(deadline_, shared_.settings.deadlines.header_ms);
    }
    read();
  }
  return false;
}

template <class Stream>
bool Session<Stream>::accept_header(std::size_t size) {
  const std::string_view bytes = buffered().substr(0, size);
  const auto head = check_head(bytes, shared_.settings.header);
  if (!head) {
    refuse(refusal_status(head.error()), head.error().rule);
    return false;
  }
  keep_alive_ = head->keep_alive;
  version_minor_ = head->version_minor;
  is_head_ = head->method == "HEAD";
  if (!fill_head(bytes, request_)) {
    refuse(400, "malformed_request");
    return false;
  }
  request_.peer = peer_;
  request_.operator_listener = operator_listener_;
  request_.received_at = shared_.clock.now();
  const auto id = request_.header("x-request-id");
  request_id_ = id && sane_request_id(*id) ? std::string(*id) : make_request_id(shared_.random);
  request_.id = request_id_;
  body_left_ = head->content_length.value_or(0);
  const bool has_body = head->chunked || body_left_ > 0;
  const bool expects = head->expect_continue;
  const bool chunked = head->chunked;
  buffer_.consume(size);
  scanned_ = 0;
  if (!has_body) {
    stage_ = Stage::handler;
    return true;
  }
  const std::size_t limit = body_limit();
  if (body_left_ > limit) {
    refuse(413, "body_too_large");
    return false;
  }
  if (chunked)
    chunks_.emplace(limit);
  else
    request_.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, body_buffer_bytes)));
  stage_ = Stage::body;
  body_progress_ = 0;
  io_.arm(deadline_, shared_.settings.deadlines.body_ms);
  return !expects || !buffered().empty() || ask_for_body();
}

template <class Stream>
bool Session<Stream>::ask_for_body() {
  out_head_ = "HTTP/1.1 100 Continue\r\n\r\n";
  out_body_.clear();
  continue_sent_ = true;
  return write() && after_write();
}

template <class Stream>
bool Session<Stream>::take_body() {
  std::string_view input = buffered();
  const std::size_t offered = input.size();
  bool done = false;
  if (chunks_) {
    const ChunkDecoder::State state = chunks_->feed(input, request_.body);
    if (state == ChunkDecoder::State::malformed || state == ChunkDecoder::State::too_large) {
      const bool large = state == ChunkDecoder::State::too_large;
      refuse(large ? 413 : 400, large ? "body_too_large" : "malformed_request");
      return false;
    }
    done = state == ChunkDecoder::State::done;
  } else {
    const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, input.size()));
    request_.body.append(input.substr(0, take));
    input.remove_prefix(take);
    body_left_ -= take;
    done = body_left_ == 0;
  }
  buffer_.consume(offered - input.size());
  if (done) {
    chunks_.reset();
    stage_ = Stage::handler;
    return true;
  }
  body_progress_ += offered;
  if (body_progress_ >= body_progress_bytes) {
    body_progress_ = 0;
    io_.arm(deadline_, shared_.settings.deadlines.body_ms);
  }
  read();
  return false;
}

template <class Stream>
bool Session<Stream>::dispatch() {
  io_.disarm(deadline_);
  shared_.count.requests.fetch_add(1, std::memory_order_relaxed);
  in_handler_ = true;
  path_ = request_.path;
  method_ = request_.method;
  complete_ns_ = shared_.clock.mono().ns;
  Reply reply([to = this->weak_from_this(), mailbox = io_.mailbox()](Response&& response) {
    const IoThread* here = IoThread::current();
    if (here == nullptr || here->mailbox() != mailbox) return mailbox->put(to, std::move(response));
    if (const auto session = to.lock()) session->answer(std::move(response));
  });
  try {
    shared_.handler(std::move(request_), std::move(reply));
  } catch (const std::exception& exception) {
    if (shared_.settings.on_exception) shared_.settings.on_exception(exception.what());
  }
  in_handler_ = false;
  request_ = Request();
  if (!answer_ && stage_ == Stage::handler) spare_buffer();
  return answer_.has_value();
}

template <class Stream>
void Session<Stream>::answer(Response&& response) {
  if (stage_ != Stage::handler || answer_) return;
  answer_ = std::move(response);
  if (!in_handler_ && send_answer() && after_write()) advance();
}

template <class Stream>
bool Session<Stream>::send_answer() {
  Response response = std::move(*answer_);
  answer_.reset();
  if (response.status == 500 && response.content_type.empty() && shared_.settings.error_body) {
    Request answered;
    answered.path = path_;
    answered.id = request_id_;
    const std::uint32_t route = response.route;
    response = shared_.settings.error_body(500, "internal_error", answered);
    response.route = route;
  }
  tell(response);
  const bool bodiless = is_head_ || !may_have_body(response.status);
  const bool endless = response.stream && !response.stream_bytes;
  chunked_ = endless && version_minor_ > 0;
  // Without chunks or length only the end of the connection tells the end of the body.
  const bool ends_by_close = endless && !chunked_ && !bodiless;
  keep_alive_ = keep_alive_ && !response.close && !shared_.draining && !ends_by_close;
  out_head_.clear();
  append_response_head(out_head_, response,
                       {io_.date(shared_.clock.now()), request_id_, version_minor_, keep_alive_, chunked_});
  if (bodiless) {
    out_body_.clear();
    chunked_ = false;
  } else {
    out_body_ = std::move(response.body);
    if (response.stream) {
      stream_left_bytes_ = response.stream_bytes;
      begin_stream(std::move(response.stream));
    }
  }
  return write();
}

template <class Stream>
void Session<Stream>::tell(const Response& response) {
  const auto began_ns = std::exchange(complete_ns_, std::nullopt);
  if (!shared_.settings.on_answer) return;
  const bool dispatched = began_ns.has_value();
  shared_.settings.on_answer({dispatched ? method_ : request_.method, dispatched ? path_ : request_.path, request_id_,
                              response.route, response.status, response.stream_bytes.value_or(response.body.size()),
                              dispatched ? shared_.clock.mono().ns - *began_ns : 0});
}

template <class Stream>
void Session<Stream>::begin_stream(std::shared_ptr<BodyReader> body) {
  if (stream_left_bytes_) *stream_left_bytes_ -= out_body_.size();
  if (chunked_ && !out_body_.empty()) out_body_ = chunk_of(out_body_);
  spare_buffer();
  body->on_more([mailbox = io_.mailbox(), to = this->weak_from_this()] {
    mailbox->put([to] {
      const auto session = to.lock();
      if (session && session->stage_ == Stage::stream && session->send_more()) session->advance();
    });
  });
  streamed_ = std::move(body);
  watch_client();
}

// True: the whole body is out, and advance() is to go on.
template <class Stream>
bool Session<Stream>::send_more() {
  BodyReader::Piece piece = streamed_->take();
  if (stream_left_bytes_) *stream_left_bytes_ -= piece.bytes.size();
  const bool cut_short = piece.last && stream_left_bytes_.value_or(0) > 0;
  if (piece.overrun || cut_short) {
    close();
    return false;
  }
  if (piece.last) streamed_.reset();
  if (piece.bytes.empty() && !piece.last) {
    stage_ = Stage::stream;
    io_.disarm(deadline_);
    out_head_ = std::string();
    out_body_ = std::string();
    return false;
  }
  out_head_.clear();
  out_body_ = chunked_ && !piece.bytes.empty() ? chunk_of(piece.bytes) : std::move(piece.bytes);
  if (piece.last && chunked_) out_body_ += last_chunk;
  if (out_body_.empty()) return after_write();
  return write() && after_write();
}

// While a body is streamed nothing is read, so that it has no buffer; but a client that has gone is noticed.
template <class Stream>
void Session<Stream>::watch_client() {
  socket_of(stream_).async_wait(Socket::wait_read, [self = this->shared_from_this()](ErrorCode error) {
    if (error || !self->streamed_ || self->stage_ == Stage::closed) return;
    char byte = 0;
    const auto seen = ::recv(socket_of(self->stream_).native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (seen == 0 || (seen < 0 && errno != EAGAIN && errno != EWOULDBLOCK)) self->close();
    // What else was sent ahead waits until the body has ended.
  });
}

// Tries at once, without asking the event loop: most answers fit into the socket's buffer.
template <class Stream>
bool Session<Stream>::write() {
  stage_ = Stage::write;
  written_ = 0;
  if constexpr (!tls) {
    const std::array<asio::const_buffer, 2> whole{asio::buffer(out_head_), asio::buffer(out_body_)};
    ErrorCode error;
    written_ = stream_.write_some(whole, error);
    if (!error && written_ == out_head_.size() + out_body_.size()) return true;
    if (error && error != asio::error::would_block) {
      close();
      return false;
    }
  }
  write_rest();
  return false;
}

template <class Stream>
void Session<Stream>::write_rest() {
  io_.arm(deadline_, shared_.settings.deadlines.write_ms);
  const std::size_t of_head = std::min(written_, out_head_.size());
  const std::array<asio::const_buffer, 2> rest{asio::buffer(out_head_) + of_head,
                                               asio::buffer(out_body_) + (written_ - of_head)};
  stream_.async_write_some(rest, [self = this->shared_from_this()](ErrorCode error, std::size_t size) {
    if (self->stage_ != Stage::write) return;
    if (error) return self->close();
    self->written_ += size;
    if (self->written_ < self->out_head_.size() + self->out_body_.size())
      self->write_rest();
    else if (self->after_write())
      self->advance();
  });
}

template <class Stream>
bool Session<Stream>::after_write() {
  if (std::exchange(continue_sent_, false)) {
    stage_ = Stage::body;
    io_.arm(deadline_, shared_.settings.deadlines.body_ms);
    return true;
  }
  if (streamed_) return send_more();
  if (chunked_ || stream_left_bytes_) {
    chunked_ = false;
    stream_left_bytes_.reset();
    ErrorCode ignored;
    socket_of(stream_).cancel(ignored);  // watch_client's
    keep_alive_ = keep_alive_ && !shared_.draining;
  }
  if (!keep_alive_) {
    linger();
    return false;
  }
  // A large answer, or the buffer of a large body, is not kept while the connection idles.
  if (out_body_.capacity() > body_buffer_bytes) out_body_ = std::string();
  buffer_.release_if_empty(buffer_bytes);
  is_head_ = false;
  version_minor_ = 1;
  stage_ = Stage::idle;
  return true;
}

template <class Stream>
void Session<Stream>::spare_buffer() {
  if (!buffered().empty()) return;
  buffer_.release_if_empty(buffer_bytes);
  if (buffer_.has_memory()) io_.keep_spare(buffer_.give_memory());
}

template <class Stream>
void Session<Stream>::read() {
  const bool large = stage_ == Stage::body && (chunks_ || body_left_ > buffer_bytes);
  if (!buffer_.has_memory()) buffer_.take_memory(io_.take_spare());
  const auto [room, bytes] = buffer_.room(large ? body_buffer_bytes : buffer_bytes);
  reading_ = true;
  stream_.async_read_some(
      asio::buffer(room, bytes),
      [self = this->shared_from_this()](ErrorCode error, std::size_t size) { self->on_read(error, size); });
}

template <class Stream>
void Session<Stream>::on_read(ErrorCode error, std::size_t size) {
  reading_ = false;
  switch (stage_) {
    case Stage::idle:
    case Stage::header:
    case Stage::body:
      if (error) return close();
      buffer_.received(size);
      return advance();
    case Stage::linger:  // whatever still comes is dropped until the client closes
      if (error) return close();
      buffer_.clear();
      return read();
    case Stage::write:  // refused while this read was under way; linger() reads on
    case Stage::handshake:
    case Stage::handler:
    case Stage::stream:
    case Stage::closed:
      return;
  }
}

template <class Stream>
void Session<Stream>::refuse(int status, std::string_view code) {
  auto& counter = status == 503 ? shared_.count.over_limit : shared_.count.refused;
  counter.fetch_add(1, std::memory_order_relaxed);
  if (request_.id.empty()) request_.id = request_id_ = make_request_id(shared_.random);
  Response response;
  response.status = status;
  if (shared_.settings.error_body) response = shared_.settings.error_body(status, code, request_);
  response.close = true;
  const auto is_retry_after = [](const Field& field) { return equals_ignoring_case(field.first, "retry-after"); };
  if (status == 503 && std::ranges::none_of(response.headers, is_retry_after))
    response.headers.emplace_back("Retry-After", "1");
  continue_sent_ = false;
  answer_ = std::move(response);
  if (send_answer()) after_write();
}

template <class Stream>
void Session<Stream>::deadline_missed() {
  shared_.count.deadlines.fetch_add(1, std::memory_order_relaxed);
  const auto self = this->shared_from_this();
  if (stage_ == Stage::header || stage_ == Stage::body)
    refuse(408, "request_timeout");
  else
    close();
}

// Closing a socket with unread bytes makes the kernel send a reset, which may overtake the answer: so say that no more
// comes, and read until the client has closed too.
template <class Stream>
void Session<Stream>::linger() {
  stage_ = Stage::linger;
  io_.arm(deadline_, shared_.settings.deadlines.linger_ms);
  ErrorCode ignored;
  if constexpr (tls) {
    if (reading_) return close();
    stream_.async_shutdown([self = this->shared_from_this()](ErrorCode) { self->close(); });
  } else {
    stream_.shutdown(asio::socket_base::shutdown_send, ignored);
    if (reading_) return;
    buffer_.clear();
    read();
  }
}

template <class Stream>
void Session<Stream>::drain() {
  if (stage_ == Stage::handshake || (stage_ == Stage::idle && buffered().empty())) close();
}

template <class Stream>
void Session<Stream>::close() {
  if (stage_ == Stage::closed) return;
  const auto self = this->shared_from_this();
  stage_ = Stage::closed;
  streamed_.reset();
  io_.disarm(deadline_);
  ErrorCode ignored;
  socket_of(stream_).close(ignored);
  shared_.count.open.fetch_sub(1, std::memory_order_relaxed);
  io_.remove(self);
}

template <class Stream>
std::size_t Session<Stream>::body_limit() const {
  const ServerSettings& settings = shared_.settings;
  return settings.body_limit ? settings.body_limit(request_) : settings.body_bytes_max;
}

std::shared_ptr<SessionBase> make_session(IoThread& io, Arrival arrival, asio::ssl::context* tls) {
  if (tls == nullptr)
    return std::make_shared<Session<Socket>>(io, arrival.peer, arrival.operator_listener, std::move(arrival.socket));
  return std::make_shared<Session<TlsStream>>(io, arrival.peer, arrival.operator_listener, std::move(arrival.socket),
                                              *tls);
}

}  // namespace tally::http
