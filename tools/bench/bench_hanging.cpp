// Whether receivers that never answer delay the others: deliveries that fall due at a steady pace, with and without.
#include "tools/bench/benches.h"
#include "tools/bench/customers.h"
#include "tools/bench/measure.h"
#include "tools/bench/outbox.h"
#include "tools/bench/receivers.h"

namespace tally::tools::bench {

namespace {

constexpr std::size_t silent_every = 10;  // one receiver in ten
constexpr std::size_t hanging_body_bytes = 600;
constexpr std::int64_t head_start_ms = 4'000;  // for filling the outbox and starting the server
constexpr std::size_t hanging_rounds_max = 3;
constexpr double hanging_patience_seconds = 60;
constexpr double aimed_slowdown = 2;

class HangingBench {
 public:
  explicit HangingBench(const Options& options)
      : options_(options),
        scratch_(options.dir),
        receivers_(options.receivers, scratch_ / "receivers.log"),
        deliveries_(static_cast<std::uint64_t>(static_cast<double>(options.paced_per_second) * options.paced_seconds)) {
  }

  Receivers::Received turn(bool some_hang) {
    // The deliveries that are left to silent receivers must not come in the next turn.
    const std::string data = scratch_ / ("data-" + std::to_string(turns_++));
    create(data);
    const std::uint64_t healthy = fill(data, some_hang);
    receivers_.forget_received();
    Tallyd server(options_, data, {"--allow-private-callbacks"});
    const Receivers::Received received = wait_for(healthy);
    if (some_hang && received.silent == 0) give_up("no silent receiver was asked");
    server.stop();
    return received;
  }

  std::string conditions() const {
    return std::to_string(options_.paced_per_second) + " deliveries/s falling due for " +
           std::to_string(options_.receivers) + " receivers in turn during " +
           std::to_string(static_cast<int>(options_.paced_seconds)) + " s, " +
           std::to_string(options_.receivers / silent_every) +
           " of which never answer; from due until arrived at the others";
  }

 private:
  void create(const std::string& data) const {
    Tallyd server(options_, data);
    create_accounts(server, outbox_accounts);
    server.stop();
  }

  // Answers how many will be answered. Without hanging receivers the others get as much.
  std::uint64_t fill(const std::string& data, bool some_hang) const {
    SystemClock clock;
    const UtcTime begin = clock.now() + head_start_ms;
    std::uint64_t healthy = 0;
    std::uint64_t number = 0;
    const auto is_silent = [this](std::uint64_t n) { return n % options_.receivers % silent_every == 0; };
    const auto next = [&]() -> OutboxEntry {
      while (!some_hang && is_silent(number)) ++number;
      const std::uint64_t n = number++;
      if (!is_silent(n)) ++healthy;
      const std::size_t receiver = n % options_.receivers;
      const UtcTime due = begin + static_cast<std::int64_t>(1000 * n / options_.paced_per_second);
      return {is_silent(n) ? receivers_.silent_url(receiver) : receivers_.answering_url(receiver),
              body_due_at(due, hanging_body_bytes), due};
    };
    std::uint64_t silent = 0;
    for (std::uint64_t n = 0; n < deliveries_; ++n) silent += is_silent(n) ? 1 : 0;
    fill_outbox(data, some_hang ? deliveries_ : deliveries_ - silent, [&](std::uint64_t) { return next(); });
    if (clock.now() >= begin) give_up("filling the outbox took too long");
    return healthy;
  }

  Receivers::Received wait_for(std::uint64_t healthy) const {
    const Stopwatch watch;
    while (receivers_.received().posts < healthy) {
      if (watch.seconds() > options_.paced_seconds + hanging_patience_seconds)
        give_up("the deliveries to receivers that answer do not all come");
      pause_seconds(0.25);
    }
    pause_seconds(0.25);  // for what should not come
    const Receivers::Received received = receivers_.received();
    if (received.posts != healthy || received.distinct != healthy) {
      give_up(std::to_string(healthy) + " deliveries were due, " + std::to_string(received.posts) + " came, " +
              std::to_string(received.distinct) + " of them different");
    }
    return received;
  }

  const Options& options_;
  ScratchDirectory scratch_;
  Receivers receivers_;
  const std::uint64_t deliveries_;
  std::size_t turns_ = 0;
};

}  // namespace

void bench_hanging(const Options& options, Figures& figures) {
  need_descriptors(2 * options.receivers, "receivers");
  HangingBench bench(options);
  std::vector<double> p50[2];
  std::vector<double> p99[2];
  const auto side = [&](bool some_hang) {
    const Receivers::Received received = bench.turn(some_hang);
    p50[some_hang ? 1 : 0].push_back(received.late_p50_ms);
    p99[some_hang ? 1 : 0].push_back(received.late_p99_ms);
    return received.late_p99_ms;
  };
  alternate(std::min<std::size_t>(options.rounds, hanging_rounds_max), options.pause_seconds,
            {[&] { return side(true); }, [&] { return side(false); }});
  figures.add({"webhook.hanging.p50", p50[1], "ms", "when none hangs", p50[0], {}, bench.conditions()});
  figures.add({"webhook.hanging.p99", p99[1], "ms", "when none hangs", p99[0],
               Aim{Aim::Sense::at_most, aimed_slowdown, true}, bench.conditions()});
  figures.checked("every delivery to a receiver that answers came once");
}

}  // namespace tally::tools::bench
