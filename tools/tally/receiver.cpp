#include "tools/tally/receiver.h"

#include "tools/tally/json.h"
#include "tools/tally/table.h"
#include "webhook/signature.h"

namespace tally::tools {
namespace {

constexpr std::size_t ids_max = 100'000;

std::string header(const http::Request& request, std::string_view name) {
  return std::string(request.header(name).value_or(std::string_view()));
}

// What the delivery tells: an event's type, or a report's status.
std::string subject_of(const Json& body) {
  if (const std::string type = body["type"].text(); !type.empty()) return type;
  const std::string status = body["status"].text();
  return status.empty() ? "delivery" : "report " + status;
}

std::string indented(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) {
    out.push_back(c);
    if (c == '\n') out += "  ";
  }
  return out;
}

}  // namespace

Receiver::Receiver(Session& session, ListenOptions options, std::function<void()> done)
    : session_(session), options_(std::move(options)), done_(std::move(done)) {}

void Receiver::handle(const http::Request& request, const http::Reply& reply) {
  http::Response response;
  if (request.method != "POST") {
    response.status = 405;
    response.headers.emplace_back("Allow", "POST");
    return reply(std::move(response));
  }
  bool last = false;
  {
    const std::lock_guard lock(mutex_);
    if (options_.count > 0 && deliveries_ >= options_.count) {
      response.status = 503;
      return reply(std::move(response));
    }
    ++deliveries_;
    const Judged judged = judge(request);
    session_.settings.json ? print_machine(request, judged) : print_people(request, judged);
    session_.out << std::flush;
    response.status = judged.status;
    last = deliveries_ == options_.count;
  }
  response.close = last;
  reply(std::move(response));
  if (last) done_();
}

bool Receiver::refused_any() const {
  const std::lock_guard lock(mutex_);
  return refused_any_;
}

Receiver::Judged Receiver::judge(const http::Request& request) {
  Judged judged;
  const webhook::SignatureHeaders headers{header(request, "webhook-id"), header(request, "webhook-timestamp"),
                                          header(request, "webhook-signature")};
  judged.id = headers.id;
  if (options_.secret.empty()) {
    judged.reason = "no --secret to judge the signature by";
  } else if (headers.id.empty() || headers.timestamp.empty() || headers.signature.empty()) {
    judged.reason = "webhook-id, webhook-timestamp or webhook-signature is missing";
  } else if (auto good = webhook::verify(options_.secret, headers, request.body, session_.clock.now()); good) {
    judged.verified = true;
  } else {
    judged.reason = good.error().detail;
  }
  if (!judged.id.empty()) judged.again = !seen_.insert(judged.id).second;
  if (seen_.size() > ids_max) seen_.clear();
  if (!judged.verified && !options_.secret.empty()) {
    refused_any_ = true;
    judged.status = 401;
  }
  if (deliveries_ <= options_.fail) judged.status = 500;
  return judged;
}

void Receiver::print_people(const http::Request& request, const Judged& judged) {
  const auto body = Json::parse(request.body);
  const bool color = session_.settings.color;
  const std::string word = judged.verified           ? "verified"
                           : options_.secret.empty() ? "not verified: " + judged.reason
                                                     : "REFUSED: " + judged.reason;
  const char* shade = !color ? "" : judged.verified ? "\x1b[32m" : options_.secret.empty() ? "\x1b[33m" : "\x1b[31m";
  std::ostream& out = session_.out;
  out << session_.clock.now().to_string() << "  " << printable(judged.id.empty() ? "(no webhook-id)" : judged.id)
      << "  " << printable(body ? subject_of(*body) : "delivery") << (judged.again ? "  (seen before)" : "") << "  "
      << shade << printable(word) << (color ? "\x1b[0m" : "") << "  answered " << judged.status << "\n";
  out << indented(body ? body->dump_pretty() : printable(request.body, true)) << "\n\n";
}

void Receiver::print_machine(const http::Request& request, const Judged& judged) {
  const auto body = Json::parse(request.body);
  JsonObject out;
  out.text("received_at", session_.clock.now().to_string()).text("id", judged.id);
  out.text("timestamp", header(request, "webhook-timestamp")).boolean("verified", judged.verified);
  if (!judged.verified) out.text("reason", judged.reason);
  out.boolean("seen_before", judged.again).integer("answered", judged.status).text("path", request.target);
  body ? out.raw("body", body->dump()) : out.text("body", request.body);
  session_.out << out.str() << "\n";
}

}  // namespace tally::tools
