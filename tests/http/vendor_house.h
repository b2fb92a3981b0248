// The house of our own API with the vendors' dialects in it, and customers as those vendors know them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "http/dialects/insideview.h"
#include "http/dialects/narakeet.h"
#include "http/dialects/yebto.h"
#include "queue/jobs.h"
#include "queue/scheduler.h"
#include "tests/http/api_house.h"

namespace tally::http {

struct VendorKey {
  std::string id;
  std::string identity;
  std::string key;
  std::string secret;
};

class VendorHouse : public ApiHouse {
 public:
  VendorHouse() {
    yebto_.add_to(router());
    narakeet_.add_to(router());
    insideview.add_to(router());
  }

  // A key of the account; `more` are further members of the request, after a comma.
  VendorKey make_key(const std::string& account, const std::string& kind = "token", const std::string& more = {}) {
    const Response made =
        as_operator("POST", "/accounts/" + account + "/keys", R"({"kind":")" + kind + "\"" + more + "}");
    CHECK_MESSAGE(made.status == 201, made.body);
    return {at(made, "id"), at(made, "identity"), at(made, "key"), at(made, "secret")};
  }
  void set_price(const std::string& endpoint, const std::string& credits, const std::string& more = {}) {
    const Response set = as_operator("POST", "/prices",
                                     R"({"prices":[{"endpoint":")" + endpoint + R"(","credits":")" + credits + "\"" +
                                         more + R"(}],"effective_at":"2015-01-01"})");
    CHECK_MESSAGE(set.status == 200, set.body);
  }
  void send_event(const std::string& json) {
    const Response sent = as_operator("POST", "/events", json);
    CHECK_MESSAGE(sent.status == 200, sent.body);
  }

  queue::Scheduler scheduler{queue::SchedulerLimits{1000, 1000}};
  queue::Jobs jobs{store, writer, scheduler, clock, random, JobRules{}, {}};
  InsideView insideview{credentials,
                        meter,
                        ledgers,
                        jobs,
                        clock,
                        [](const std::function<void()>& task) { task(); },
                        {{.calls = 20, .window_ms = 5 * minute_ms}, hour_ms}};

 private:
  Yebto yebto_{credentials, meter, ledgers, directory, clock, random};
  Narakeet narakeet_{credentials, ledgers, 1'000'000};
};

inline std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [each, value] : response.headers) {
    if (each == name) return value;
  }
  return {};
}

}  // namespace tally::http
