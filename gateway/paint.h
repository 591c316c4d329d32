// Colour for people: only on a terminal, and not if the environment has NO_COLOR (no-color.org).
#pragma once

#include <cstdio>
#include <functional>
#include <string>

namespace sluice {

enum class Ink { kPlain, kRed, kGreen };

/// `text` in a colour, or as it is.
using Paint = std::function<std::string(const std::string& text, Ink ink)>;

inline std::string Plain(const std::string& text, Ink) {
  return text;
}

/// For what is written to `stream`.
Paint PaintFor(std::FILE* stream);

/// "error: `message`" on stderr.
void PrintError(const std::string& message);

/// Text of others for a terminal: what does not print is escaped, so that it does nothing there.
std::string Printable(const std::string& text);

}  // namespace sluice
