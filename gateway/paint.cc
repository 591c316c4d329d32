#include "gateway/paint.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace sluice {
namespace {

std::string Colored(const std::string& text, Ink ink) {
  if (ink == Ink::kPlain) return text;
  return (ink == Ink::kRed ? "\033[31m" : "\033[32m") + text + "\033[0m";
}

bool WantsColor(std::FILE* stream) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  return ::isatty(::fileno(stream)) != 0 && terminal != nullptr && std::string_view(terminal) != "dumb";
}

// Length of the character at the front; 0 if it is no UTF-8, or does not print.
std::size_t PrintableLength(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Controls of the upper half, over-long forms and surrogates are no text either.
  if (byte(0) == 0xc2 && byte(1) < 0xa0) return 0;
  if ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) >= 0xa0)) return 0;
  if ((byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) >= 0x90)) return 0;
  // Marks that turn the direction of a line around.
  const bool is_turn = text.substr(0, 3) >= "\xe2\x80\xaa" && text.substr(0, 3) <= "\xe2\x80\xae";
  const bool is_isolate = text.substr(0, 3) >= "\xe2\x81\xa6" && text.substr(0, 3) <= "\xe2\x81\xa9";
  return is_turn || is_isolate ? 0 : length;
}

void AppendEscaped(char c, std::string& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else {
    out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  }
}

}  // namespace

Paint PaintFor(std::FILE* stream) {
  return WantsColor(stream) ? Paint(Colored) : Paint(Plain);
}

void PrintError(const std::string& message) {
  std::fprintf(stderr, "%s %s\n", PaintFor(stderr)("error:", Ink::kRed).c_str(), message.c_str());
}

std::string Printable(const std::string& text) {
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = PrintableLength(rest);
    if (length > 0) {
      out += rest.substr(0, length);
    } else {
      AppendEscaped(rest[0], out);
    }
    rest.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

}  // namespace sluice
