#include "gateway/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "gateway/log_repeats.h"

namespace sluice {
namespace {

// Set at the start and by a reload; read by all threads.
std::atomic<LogLevel> g_level = LogConfig{}.level;
std::atomic<LogFormat> g_format = LogConfig{}.format;
std::atomic<bool> g_journal = false;

constexpr std::array<const char*, 4> kNames = {"error", "warning", "info", "debug"};
constexpr std::array<const char*, 4> kPriorities = {"<3>", "<4>", "<6>", "<7>"};

bool NeedsQuotes(std::string_view value) {
  if (value.empty()) return true;
  for (unsigned char c : value) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) return true;
  }
  return false;
}

// Every byte that is not printable ASCII is escaped: a topic or a broker's answer can forge neither a line nor a terminal sequence.
void AppendQuoted(std::string& line, std::string_view value) {
  line += '"';
  for (unsigned char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += static_cast<char>(c);
    } else if (c >= ' ' && c < 0x7f) {
      line += static_cast<char>(c);
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", c);
      line += escaped;
    }
  }
  line += '"';
}

std::string Timestamp() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text + size, sizeof text - size, ".%03ldZ", now.tv_nsec / 1'000'000);
  return text;
}

void AppendField(std::string& line, LogFormat format, std::string_view name, std::string_view value) {
  const bool first = line.empty() || line.back() == '{' || line.back() == '>';
  if (format == LogFormat::kJson) {
    line += first ? "" : ",";
    AppendQuoted(line, name);
    line += ':';
    AppendQuoted(line, value);
    return;
  }
  if (!first) line += ' ';
  line += name;
  line += '=';
  if (NeedsQuotes(value)) {
    AppendQuoted(line, value);
  } else {
    line += value;
  }
}

}  // namespace

void ConfigureLog(const LogConfig& config, bool journal) {
  g_level = config.level;
  g_format = config.format;
  g_journal = journal;
}

namespace {

// What the line says, without when.
std::string BodyOf(LogFormat format, LogLevel level, std::string_view part, std::string_view message,
                   std::initializer_list<LogField> fields) {
  std::string body;
  AppendField(body, format, "level", kNames[static_cast<std::size_t>(level)]);
  AppendField(body, format, "part", part);
  AppendField(body, format, "msg", message);
  for (const LogField& field : fields) AppendField(body, format, field.name, field.value);
  return body;
}

void Write(LogLevel level, LogFormat format, const std::string& body, std::uint64_t repeated) {
  const bool json = format == LogFormat::kJson;
  std::string line;
  if (g_journal) line += kPriorities[static_cast<std::size_t>(level)];
  if (json) line += '{';
  std::string head;
  if (!g_journal) AppendField(head, format, "time", Timestamp());
  line += head;
  if (!head.empty()) line += json ? "," : " ";
  line += body;
  if (repeated > 0) AppendField(line, format, "repeated", std::to_string(repeated));
  if (json) line += '}';
  line += '\n';
  // One write a line, so that lines of different threads do not mix. A log that cannot be written is no reason to stop.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

// Guards g_repeats.
std::mutex g_repeats_mutex;
LogRepeats g_repeats;

}  // namespace

void Log(LogLevel level, std::string_view part, std::string_view message, std::initializer_list<LogField> fields) {
  if (level > g_level) return;
  const LogFormat format = g_format;
  const std::string body = BodyOf(format, level, part, message, fields);
  std::uint64_t repeated = 0;
  if (level <= LogLevel::kWarning) {
    std::lock_guard lock(g_repeats_mutex);
    const auto now = std::chrono::steady_clock::now();
    const std::optional<std::uint64_t> left_out = g_repeats.Admit(body, now);
    for (const LogRepeats::Overdue& overdue : g_repeats.TakeOverdue(now)) Write(LogLevel::kWarning, format, overdue.line, overdue.left_out);
    if (!left_out) return;
    repeated = *left_out;
  }
  Write(level, format, body, repeated);
}

}  // namespace sluice
