#include "core/price.h"

#include <doctest/doctest.h>

#include <limits>

#include "core/event.h"
#include "core/manual.h"
#include "tests/core/garbage.h"

namespace price_test {

using namespace tally;

namespace {

const UtcTime t0 = UtcTime::parse("2026-02-03T12:00:00Z").value();

Credits credits(std::string_view text) {
  return Credits::parse(text).value();
}

Price make_price(std::uint32_t version, UtcTime effective_at, std::string_view per_unit,
                 ChargeOn charge_on = ChargeOn::result) {
  Price price;
  price.endpoint = "people/search";
  price.version = version;
  price.credits = credits(per_unit);
  price.category = "search";
  price.charge_on = charge_on;
  price.options = {{"verified_email", credits("0.5")}, {"phone", credits("2")}};
  price.effective_at = effective_at;
  return price;
}

UsageEvent make_event(bool ok, std::int64_t results) {
  UsageEvent event;
  event.endpoint = "people/search";
  event.time = t0;
  event.ok = ok;
  event.results = results;
  return event;
}

std::string charged(const UsageEvent& event, const Price& price) {
  PriceBook book;
  book.insert(price);
  return charge(event, book).value().credits.to_string();
}

}  // namespace

TEST_CASE("price: the latest version that is in force applies") {
  PriceBook book;
  book.insert(make_price(1, t0, "1"));
  book.insert(make_price(3, t0 + 2 * day_ms, "3"));
  book.insert(make_price(2, t0 + day_ms, "2"));
  CHECK(book.find("people/search", t0 - 1) == nullptr);
  CHECK(book.find("people/search", t0)->version == 1);
  CHECK(book.find("people/search", t0 + day_ms - 1)->version == 1);
  CHECK(book.find("people/search", t0 + day_ms)->version == 2);
  CHECK(book.find("people/search", t0 + 100 * day_ms)->version == 3);
  CHECK(book.find("people", t0) == nullptr);
  CHECK(book.find("", t0) == nullptr);
}

TEST_CASE("price: of versions with one date the higher applies, in whatever order they came") {
  for (const bool reversed : {false, true}) {
    PriceBook book;
    for (const std::uint32_t version : reversed ? std::vector{3u, 2u, 1u} : std::vector{1u, 2u, 3u}) {
      book.insert(make_price(version, t0, "1"));
    }
    CHECK(book.find("people/search", t0)->version == 3);
    CHECK(book.versions("people/search")->size() == 3);
    CHECK(book.versions("people/search")->front().version == 1);
  }
}

TEST_CASE("price: a later version can reach back in time, and versions keep counting") {
  PriceBook book;
  CHECK(book.next_version("people/search") == 1);
  book.insert(make_price(1, t0, "1"));
  book.insert(make_price(2, t0 - day_ms, "2"));
  CHECK(book.find("people/search", t0 - 1)->version == 2);
  CHECK(book.find("people/search", t0)->version == 1);
  CHECK(book.next_version("people/search") == 3);
  CHECK(book.next_version("other") == 1);
  CHECK(book.versions("other") == nullptr);
  CHECK(book.all().size() == 1);
}

TEST_CASE("price: a removed price applies no more, until another follows") {
  PriceBook book;
  book.insert(make_price(1, t0, "1"));
  Price removal = make_price(2, t0 + day_ms, "0");
  removal.removed = true;
  book.insert(removal);
  book.insert(make_price(3, t0 + 2 * day_ms, "3"));
  CHECK(book.find("people/search", t0 + day_ms - 1)->version == 1);
  CHECK(book.find("people/search", t0 + day_ms) == nullptr);
  CHECK(book.find("people/search", t0 + 2 * day_ms)->version == 3);
}

TEST_CASE("charge: result charges each result returned, so an empty answer costs nothing") {
  const Price price = make_price(1, t0, "1.5", ChargeOn::result);
  CHECK(charged(make_event(true, 3), price) == "4.5");
  CHECK(charged(make_event(true, 0), price) == "0");
  CHECK(charged(make_event(false, 0), price) == "0");
}

TEST_CASE("charge: success charges each request that worked") {
  const Price price = make_price(1, t0, "1.5", ChargeOn::success);
  CHECK(charged(make_event(true, 3), price) == "1.5");
  CHECK(charged(make_event(true, 0), price) == "1.5");
  CHECK(charged(make_event(false, 3), price) == "0");
}

TEST_CASE("charge: request charges failed requests too") {
  const Price price = make_price(1, t0, "1.5", ChargeOn::request);
  CHECK(charged(make_event(true, 3), price) == "1.5");
  CHECK(charged(make_event(false, 0), price) == "1.5");
}

TEST_CASE("charge: options are added by count, unknown ones cost nothing") {
  UsageEvent event = make_event(true, 2);
  event.options = {{"verified_email", 3}, {"phone", 1}, {"unknown", 1'000'000}};
  CHECK(charged(event, make_price(1, t0, "1")) == "5.5");
  CHECK(charged(event, make_price(1, t0, "0")) == "3.5");
}

TEST_CASE("charge: options of an event without a unit are free") {
  UsageEvent event = make_event(false, 0);
  event.options = {{"phone", 1}};
  CHECK(charged(event, make_price(1, t0, "1", ChargeOn::result)) == "0");
  CHECK(charged(event, make_price(1, t0, "1", ChargeOn::success)) == "0");
  CHECK(charged(event, make_price(1, t0, "1", ChargeOn::request)) == "3");
}

TEST_CASE("charge: an event's own credits are the whole charge") {
  PriceBook book;
  book.insert(make_price(1, t0, "1"));
  UsageEvent event = make_event(true, 5);
  event.options = {{"phone", 1}};
  event.credits = credits("0.25");
  const Charge own = charge(event, book).value();
  CHECK(own.credits == credits("0.25"));
  CHECK(own.price_version == 0);
  CHECK(own.category == "search");
  CHECK(own.priced);
  event.endpoint = "elsewhere";
  const Charge unlisted = charge(event, book).value();
  CHECK(unlisted.credits == credits("0.25"));
  CHECK(unlisted.category.empty());
  CHECK(unlisted.priced);
}

TEST_CASE("charge: without a price an event costs nothing and says so") {
  const Charge none = charge(make_event(true, 5), PriceBook()).value();
  CHECK(none.credits == Credits());
  CHECK_FALSE(none.priced);
  CHECK(none.price_version == 0);
}

TEST_CASE("charge: the event's time picks the version") {
  PriceBook book;
  book.insert(make_price(1, t0, "1"));
  book.insert(make_price(2, t0 + day_ms, "2"));
  UsageEvent event = make_event(true, 1);
  CHECK(charge(event, book).value().price_version == 1);
  event.time = t0 + day_ms;
  CHECK(charge(event, book).value().price_version == 2);
  CHECK(charge(event, book).value().credits == credits("2"));
}

TEST_CASE("charge: a charge beyond int64 is refused wherever it overflows") {
  PriceBook book;
  Price price = make_price(1, t0, "1");
  price.credits = Credits::from_micros(std::numeric_limits<std::int64_t>::max());
  price.options["huge"] = price.credits;
  book.insert(price);
  CHECK(charge(make_event(true, 1), book));
  CHECK(charge(make_event(true, 2), book).error().rule == "charge_out_of_range");
  UsageEvent event = make_event(true, 1);
  event.options = {{"phone", 1}};
  CHECK(charge(event, book).error().code == Errc::invalid_argument);
  event.options = {{"huge", 2}};
  CHECK(charge(event, book).error().code == Errc::invalid_argument);
}

TEST_CASE("price: a stored price is read back whole") {
  Price price = make_price(7, t0, "0.0001", ChargeOn::success);
  price.removed = true;
  const auto decoded = decode_price(encode(price));
  REQUIRE(decoded);
  CHECK(decoded->endpoint == price.endpoint);
  CHECK(decoded->version == 7);
  CHECK(decoded->credits == price.credits);
  CHECK(decoded->category == "search");
  CHECK(decoded->charge_on == ChargeOn::success);
  CHECK(decoded->options == price.options);
  CHECK(decoded->effective_at == t0);
  CHECK(decoded->removed);
}

TEST_CASE("price: bytes that no encoder wrote are corrupt, never trouble") {
  SeededRandom random(8);
  CHECK(refuses_prefixes_and_survives_noise(encode(make_price(1, t0, "1")), random, [](const std::string& bytes) {
    const auto price = decode_price(bytes);
    if (!price) CHECK(price.error().code == Errc::corrupt);
    return price.has_value();
  }));
}

TEST_CASE("price: charge_on has words, and only these") {
  for (const auto charge_on : {ChargeOn::result, ChargeOn::success, ChargeOn::request}) {
    CHECK(parse_charge_on(to_string(charge_on)).value() == charge_on);
  }
  CHECK(parse_charge_on("Result").error().rule == "invalid_charge_on");
  CHECK(parse_charge_on("").error().code == Errc::invalid_argument);
}

TEST_CASE("price: a quote is what units cost now, and nothing without a price") {
  PriceBook book;
  Price price;
  price.endpoint = "geo";
  price.version = 3;
  price.credits = Credits::from_micros(2'500'000);
  price.effective_at = *UtcTime::parse("2026-01-01T00:00:00Z");
  book.insert(price);
  const UtcTime at = *UtcTime::parse("2026-02-01T00:00:00Z");
  CHECK(quote(book, "geo", 4, at)->credits == Credits::from_micros(10'000'000));
  CHECK(quote(book, "geo", 4, at)->price_version == 3);
  CHECK(quote(book, "geo", 0, at)->credits == Credits());
  CHECK(quote(book, "geo", 4, price.effective_at - 1)->price_version == 0);
  CHECK(quote(book, "other", 4, at)->credits == Credits());
  CHECK(quote(book, "geo", std::int64_t{1} << 50, at).error().rule == "charge_out_of_range");
}

}  // namespace price_test
