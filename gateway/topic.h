// MQTT topics and topic filters, with named wildcards: `plant/{site}/vib/{sensor}`, where `{name}` is a `+` whose level can be referred to.
// Source: MQTT 5.0, section 4.7.
//
// Pure.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/result.h"

namespace sluice {

/// What the wildcards of a filter stood for. Views into the topic.
struct Captures {
  static constexpr std::size_t kMax = 16;
  std::array<std::string_view, kMax> level;
  std::size_t count = 0;
};

/// Of a shared subscription, `$share/group/filter`: what the group subscribes to.
std::string_view WithoutShare(std::string_view filter);

class TopicFilter {
 public:
  struct Level {
    enum class Kind : unsigned char { kText, kAny, kNamed, kRest } kind;
    std::string text;
  };

  /// kInvalid says what is wrong and where.
  static Result<TopicFilter> Parse(std::string_view text);

  /// `captures` gets the levels of the named wildcards, in the order of names().
  bool Matches(std::string_view topic, Captures& captures) const;

  /// Names of the named wildcards, from left to right.
  const std::vector<std::string>& names() const { return names_; }
  /// One at least; kRest is the last.
  const std::vector<Level>& levels() const { return levels_; }
  /// As MQTT knows it: names replaced by `+`.
  std::string Plain() const;
  /// Some topic matches both.
  bool Overlaps(const TopicFilter& other) const;
  /// Every topic that matches `other` matches this; topics that begin with `$` are not thought of where `other` begins with a wildcard.
  bool Covers(const TopicFilter& other) const;

 private:
  bool IsReserved() const;
  static Result<Level> ParseLevel(std::string_view text);

  std::vector<Level> levels_;
  std::vector<std::string> names_;
};

}  // namespace sluice
