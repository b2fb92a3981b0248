#include "tools/tally/gateway_log.h"

#include <cmath>

#include "tools/tally/access_log.h"
#include "tools/tally/json.h"

namespace tally::tools {
namespace {

Error bad_gateway_line(std::string why) {
  return fail(Errc::invalid_argument, std::move(why));
}

// The first of `names` that is there and holds something.
Json first_of(const Json& line, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    Json value = line.at_path(name);
    if (!value.text().empty()) return value;
  }
  return {};
}

std::string text_of(const Json& line, const std::vector<std::string>& names) {
  const std::string text = first_of(line, names).text();
  return text == "-" ? std::string() : text;
}

Result<UtcTime> time_from_number(double value) {
  static constexpr double year_10000_ms = 253'402'300'800'000;
  // Seconds reach 1e11 in the year 5138, and milliseconds pass it in 1973.
  double ms = value * 1000;
  if (value >= 1e17)
    ms = value / 1e6;
  else if (value >= 1e14)
    ms = value / 1e3;
  else if (value >= 1e11)
    ms = value;
  if (!(ms >= 0) || ms >= year_10000_ms) return bad_gateway_line("time is outside 1970 to 9999");
  return UtcTime::from_ms(std::llround(ms));
}

Result<UtcTime> time_of(const Json& value) {
  if (!value.exists()) return bad_gateway_line("no time");
  if (value.is_number()) return time_from_number(value.number());
  const std::string text = value.text();
  if (auto time = UtcTime::parse(text)) return *time;
  if (auto time = parse_log_time(text)) return *time;
  // nginx writes $msec as text: "1431857103.123".
  if (text.find_first_not_of("0123456789.") == std::string::npos && text.find_first_not_of('.') != std::string::npos) {
    if (auto number = Json::parse(text); number && number->is_number()) return time_from_number(number->number());
  }
  return bad_gateway_line("time is neither ISO 8601, an access log's time nor a number");
}

Result<int> status_of(const Json& value) {
  if (!value.exists()) return bad_gateway_line("no status");
  const std::string text = value.text();
  if (text.size() != 3 || text.find_first_not_of("0123456789") != std::string::npos || text[0] == '0') {
    return bad_gateway_line("status is not 100 to 999");
  }
  return std::stoi(text);
}

// "1.2.3.4:5678" and "[2001:db8::1]:5678" lose the port, "1.2.3.4, 10.0.0.1" all but the first.
std::string without_port(std::string address) {
  address.resize(std::min(address.find_first_of(", "), address.size()));
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    return end == std::string::npos ? address : address.substr(1, end - 1);
  }
  const std::size_t colon = address.find(':');
  if (colon != std::string::npos && address.find(':', colon + 1) == std::string::npos) address.resize(colon);
  return address;
}

}  // namespace

GatewayFields GatewayFields::defaults() {
  return {
      .time = {"time", "timestamp", "@timestamp", "ts", "time_iso8601", "datetime", "date", "start_time", "StartUTC",
               "started_at", "requestTimeEpoch", "requestTime", "time_local", "msec"},
      .method = {"method", "request_method", "http_method", "httpMethod", "request.method", "RequestMethod", "verb"},
      .target = {"path", "uri", "request_uri", "url", "request.uri", "request.path", "request.url", "http_path",
                 "RequestPath", "resourcePath", "target", "request", "request_line"},
      .status = {"status", "status_code", "statusCode", "response.status", "response_code", "http_status", "code",
                 "DownstreamStatus", "response.status_code"},
      .remote = {"remote_addr", "client_ip", "remote_ip", "clientip", "client", "ip", "ClientHost", "ClientAddr",
                 "request.client_ip", "request.remote_ip", "request.remote_addr", "downstream_remote_address",
                 "x_forwarded_for"},
      .user = {"user", "remote_user", "username", "consumer", "consumer.username", "user_id", "ClientUsername",
               "auth_user"},
      .id = {"request_id", "requestId", "id", "req_id", "x_request_id", "request.id", "trace_id"},
      .bytes = {"bytes", "body_bytes_sent", "bytes_sent", "size", "response_size", "response.size", "responseLength",
                "DownstreamContentSize"},
      .account = {},
  };
}

Result<void> GatewayFields::prefer(std::string_view rule) {
  const std::size_t at = rule.find('=');
  const std::string_view name = rule.substr(0, at);
  const std::string field(at == std::string_view::npos ? std::string_view() : rule.substr(at + 1));
  if (field.empty()) return bad_gateway_line("`" + std::string(rule) + "` is not NAME=FIELD");
  std::vector<std::string>* names = name == "time"     ? &time
                                    : name == "method" ? &method
                                    : name == "path"   ? &target
                                    : name == "status" ? &status
                                    : name == "remote" ? &remote
                                    : name == "user"   ? &user
                                    : name == "id"     ? &id
                                    : name == "bytes"  ? &bytes
                                                       : nullptr;
  if (names == nullptr)
    return bad_gateway_line("a field is time, method, path, status, remote, user, id or bytes, not `" +
                            std::string(name) + "`");
  names->insert(names->begin(), field);
  return {};
}

Result<Call> GatewayLog::parse(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  auto line = Json::parse(text);
  if (!line) return line.error();
  if (!line->is_object()) return bad_gateway_line("no JSON object");
  Call call;
  auto time = time_of(first_of(*line, fields_.time));
  if (!time) return time.error();
  call.time = *time;
  auto status = status_of(first_of(*line, fields_.status));
  if (!status) return status.error();
  call.status = *status;
  method_ = text_of(*line, fields_.method);
  target_ = text_of(*line, fields_.target);
  if (target_.empty()) return bad_gateway_line("no path");
  // nginx's $request: the whole request line in one field.
  if (auto request = parse_request_line(target_); target_.find(' ') != std::string::npos && request) {
    if (method_.empty()) method_ = request->method;
    target_ = std::string(request->target);
  }
  remote_ = without_port(text_of(*line, fields_.remote));
  user_ = text_of(*line, fields_.user);
  id_ = text_of(*line, fields_.id);
  account_ = fields_.account.empty() ? std::string() : line->at_path(fields_.account).text();
  call.bytes = first_of(*line, fields_.bytes).integer();
  call.remote = remote_;
  call.user = user_;
  call.method = method_;
  call.target = target_;
  call.id = id_;
  call.account = account_;
  return call;
}

}  // namespace tally::tools
