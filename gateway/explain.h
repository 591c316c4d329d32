// `sluice explain TOPIC [PAYLOAD-FILE]`: what would happen to an event.
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/event.h"
#include "gateway/result.h"

namespace sluice {

struct Explanation {
  /// A subscription that gets the event.
  struct Subscriber {
    std::string source;
    std::string filter;
    int qos = 0;
    std::string format;  ///< Of the payload; empty: JSON.
  };
  /// What a sink would get.
  struct Target {
    std::string sink;
    std::string lane_class;
    std::string destination_key;  ///< What its destination is called, "topic".
    std::string destination;      ///< Empty: it has none.
    std::string key;
    std::vector<Property> headers;
    bool bare = false;
    bool retain = false;
    bool needs_payload = false;  ///< Not known without one,
    std::string dead_letter;     ///< or why it would be a dead letter.
  };
  struct Rule {
    std::string alert;
    bool enabled = true;
  };

  std::string topic;
  std::vector<Subscriber> subscribers;
  std::vector<std::string> routes;
  std::vector<std::string> fields;  ///< Of the payload, that routes look at.
  bool has_payload = false;
  std::vector<Target> targets;  ///< None: the event is dropped, and counted as unrouted.
  std::vector<Rule> rules;      ///< That look at it.
};

/// Who subscribes to `topic`, which routes take it, and what each sink would get, or why it would be a dead letter. Without a payload, for
/// what depends on one, which of its fields are looked at. How many destinations there are already is not known here. kInvalid: it is no
/// topic of an event.
Result<Explanation> Explain(const Config& config, const std::string& topic, const std::optional<std::string>& payload);

/// Lines for a human.
std::string ExplanationText(const Explanation& explanation);

}  // namespace sluice
