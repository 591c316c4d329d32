// Scenarios for rules, on virtual time: what comes in and what happens to the box, and the alerts that are to come of it.
//
//   { "description": "...", "config": "../sluice.json",                          path from the scenario's own; else the configuration given
//     "steps": [ { "at": "0s", "topic": "plant/graz/press/1", "payload": { "temp": 81 } },                      text, if it is a string
//                { "at": "10s", "every": "5s", "times": 12, "topic": "...", "payload": 23.5, "retained": false, "source": "local" },
//                { "at": "40s", "topic": "...", "payload_hex": "a16474656d701851" },
//                { "at": "1m", "restart": "stop", "off": "10s" },       "crash": nobody could say goodbye; "power_cut": a new boot, too
//                { "at": "2m", "connection": "lost" }, { "at": "3m", "connection": "back" },
//                { "at": "4m", "clock": "+1h" },                        somebody sets the wall clock
//                { "at": "5m", "clock": "unsynchronized" },             and it is not known to be right until it is "synchronized"
//                { "at": "10m" } ],                                     time passes
//     "expect": [ { "at": "30s", "alert": "PressOverheating", "status": "firing", "labels": { "press": "1" },
//                   "annotations": { ... }, "value": 81, "inputs": { ... }, "reason": "..." } ] }
//
// All alerts are to be expected, in their order; of labels, annotations and inputs those that are named count. `at` is the time since the
// start, that the box was off included.
//
// Loop thread, or any other one.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/result.h"

namespace sluice {

struct ScenarioOutcome {
  std::string description;
  std::vector<std::string> alerts;  ///< Those that came, one a line.
  std::vector<std::string> told;    ///< The same as JSON: {"at_ms": 30000, "alert": { as published }}.
  std::vector<std::string> misses;  ///< What differs; none: it is as expected.
};

class RuleScenario {
 public:
  /// kInvalid says what is wrong, and at which step.
  static Result<RuleScenario> Parse(const std::string& text);

  /// Empty: the scenario names none.
  const std::string& config_path() const { return config_path_; }
  Result<ScenarioOutcome> Run(const Config& config) const;

  enum class What { kEvent, kStop, kCrash, kPowerCut, kConnection, kClock, kSynchronized, kNothing };
  struct Step {
    What what = What::kNothing;
    Duration at{0};
    Duration every{0};
    std::size_t times = 1;
    std::string topic;
    std::string payload;
    std::string source;
    bool retained = false;
    bool is_on = false;    ///< kConnection, kSynchronized
    Duration duration{0};  ///< Restarts: off; kClock: how far it is set.
  };
  struct Expected {
    Duration at{0};
    std::string alert;
    std::string status;
    std::string rest;  ///< JSON of what else it says.
  };

 private:
  std::string description_;
  std::string config_path_;
  std::vector<Step> steps_;
  std::vector<Expected> expected_;
};

}  // namespace sluice
