#include "tools/bench/customers.h"

#include <charconv>

#include "http/json_writer.h"
#include "tools/bench/measure.h"
#include "tools/bench/workload.h"

namespace tally::tools::bench {

namespace {

constexpr std::size_t setup_connections = 32;

// Sends them all, some at a time, and gives each answer's body to `take`.
void send_all(const Tallyd& server, const std::vector<std::string>& requests, int expected,
              const std::function<void(std::string_view body)>& take) {
  std::size_t sent = 0;
  run_closed_loop(
      server.port(), std::min(setup_connections, requests.size()),
      [&]() -> std::string_view { return sent < requests.size() ? requests[sent++] : std::string_view(); },
      [&](int status, std::string_view body) {
        if (status != expected) give_up("expected " + std::to_string(expected) + ", got " + std::string(body));
        take(body);
      });
}

std::string order_json(const ReportRequest& order, std::string_view callback_url) {
  std::string json;
  http::JsonWriter out(json);
  out.begin_object().field("type", to_string(order.type)).field("from", order.range.from);
  out.field("to", order.range.to).field("granularity", to_string(order.granularity)).key("group_by").begin_array();
  for (const GroupBy group : order.group_by) out.string(to_string(group));
  out.end_array();
  if (!callback_url.empty()) out.field("callback_url", callback_url);
  out.end_object();
  return json;
}

ReportRequest total_request(TimeRange range) {
  ReportRequest request;
  request.range = range;
  request.granularity = Granularity::total;
  return request;
}

}  // namespace

void create_accounts(const Tallyd& server, std::uint32_t count) {
  std::vector<std::string> requests;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string id = account_name(i);
    requests.push_back(server.render("POST", "/operator/v1/accounts",
                                     R"({"id":")" + id + R"(","name":"Bench","email":"bench@example.com"})"));
  }
  send_all(server, requests, 201, [](std::string_view) {});
}

void grant_credits(const Tallyd& server, std::uint32_t count, const std::string& credits) {
  std::vector<std::string> requests;
  for (std::uint32_t i = 0; i < count; ++i) {
    requests.push_back(server.render("POST", "/operator/v1/accounts/" + account_name(i) + "/grants",
                                     R"({"amount":")" + credits + R"("})"));
  }
  send_all(server, requests, 201, [](std::string_view) {});
}

std::vector<Customer> create_customers(const Tallyd& server, std::uint32_t count) {
  create_accounts(server, count);
  std::vector<std::string> requests;
  for (std::uint32_t i = 0; i < count; ++i) {
    requests.push_back(server.render("POST", "/operator/v1/accounts/" + account_name(i) + "/keys",
                                     R"({"kind":"pair","limits":{"per_second":10000000,"per_day":1000000000}})"));
  }
  std::vector<Customer> customers;
  send_all(server, requests, 201, [&](std::string_view body) {
    Customer customer;
    customer.account = member(body, "account");
    customer.key = member(body, "key");
    customer.secret = member(body, "secret");
    customer.headers = "X-API-Key: " + customer.key + "\r\nX-API-Secret: " + customer.secret + "\r\n";
    customers.push_back(std::move(customer));
  });
  return customers;
}

void create_prices(const Tallyd& server) {
  std::string json;
  http::JsonWriter out(json);
  out.begin_object().field("effective_at", "2020-01-01T00:00:00Z").key("prices").begin_array();
  for (std::uint32_t i = 0; i < workload_endpoints; ++i) {
    out.begin_object().field("endpoint", endpoint_name(i)).field("credits", "0.25");
    out.field("category", endpoint_category(i)).end_object();
  }
  out.end_array().end_object();
  server.call("POST", "/operator/v1/prices", json, 200);
}

std::string report_request(const Customer& customer, const ReportRequest& order, std::string_view callback_url,
                           std::string_view more_headers) {
  return render_request("POST", "/v1/reports", customer.headers + std::string(more_headers),
                        order_json(order, callback_url));
}

std::string get_request(const Customer& customer, const std::string& target) {
  return render_request("GET", target, customer.headers);
}

void finish_jobs(const Tallyd& server, const std::vector<Customer>& customers) {
  // An account's jobs are worked in order, so the one submitted last is finished last.
  const TimeRange any_hour{UtcTime::from_ms(0), UtcTime::from_ms(hour_ms)};
  for (const Customer& customer : customers) {
    const std::string request = report_request(customer, total_request(any_hour), "", "Prefer: wait=50\r\n");
    const Stopwatch watch;
    while (ask(server.port(), request).status != 200) {
      if (watch.seconds() > 300) give_up("the jobs of " + customer.account + " do not end");
    }
  }
}

std::uint64_t reported_requests(const Tallyd& server, const std::vector<Customer>& customers, std::int32_t first_day) {
  std::vector<std::string> requests;
  const ReportRequest order = total_request(workload_range(first_day));
  for (const Customer& customer : customers) {
    requests.push_back(report_request(customer, order, "", "Prefer: wait=50\r\n"));
  }
  std::uint64_t sum = 0;
  send_all(server, requests, 200, [&](std::string_view body) {
    const std::size_t totals = body.find("\"totals\"");
    if (totals == std::string_view::npos) give_up("a report without totals: " + std::string(body));
    sum += static_cast<std::uint64_t>(integer_member(body.substr(totals), "requests"));
  });
  return sum;
}

std::string_view member(std::string_view json, std::string_view name) {
  const std::string quoted = "\"" + std::string(name) + "\":";
  const std::size_t at = json.find(quoted);
  if (at == std::string_view::npos) give_up("no " + quoted + " in " + std::string(json));
  std::string_view value = json.substr(at + quoted.size());
  if (!value.starts_with('"')) return value.substr(0, value.find_first_of(",}]"));
  value.remove_prefix(1);
  return value.substr(0, value.find('"'));
}

std::int64_t integer_member(std::string_view json, std::string_view name) {
  const std::string_view digits = member(json, name);
  std::int64_t number = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc()) {
    give_up(std::string(name) + " is no number in " + std::string(json));
  }
  return number;
}

}  // namespace tally::tools::bench
