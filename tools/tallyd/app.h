// The composition root: makes the parts, joins them, runs them and takes them down in order.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/config.h"
#include "core/result.h"
#include "tools/tallyd/log.h"

namespace tally::tools {

class App {
 public:
  // Opens the store, recovers what was under way and binds the listeners. The error says what to do about it.
  static Result<std::unique_ptr<App>> open(const Config& config, Clock& clock, Random& random, Log& log);
  ~App();

  // Every method and pattern that it answers, see http::Router.
  std::vector<std::pair<std::string, std::string>> routes() const;

  // Serves until SIGTERM or SIGINT, then finishes what was begun.
  void run();

 private:
  struct Parts;
  explicit App(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace tally::tools
