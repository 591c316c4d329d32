// A template as somebody may write it.
#include "fuzz_input.h"
#include "gateway/template.h"

namespace sluice {
namespace {

std::optional<Template::Name> Resolve(std::string_view name) {
  if (name.starts_with('c')) return std::string(name);
  if (name.starts_with('n')) return name.size();
  return std::nullopt;
}

std::string Render(const Template& parsed, const std::string& value) {
  std::string out;
  parsed.Render(out, [&](std::string& to, std::size_t number) { to += value + std::to_string(number); });
  return out;
}

void Fuzz(FuzzInput input) {
  const std::string_view text = input.Rest();
  const Result<Template> parsed = Template::Parse(text, Resolve);
  const bool is_plain = text.find_first_of("{}") == std::string_view::npos;
  if (!parsed) return Demand(!is_plain && !parsed.error().message.empty(), "text without braces is a template", std::string(text));
  const std::string rendered = Render(*parsed, "<");
  Demand(!is_plain || rendered == text, "text without braces is rendered as it stands", std::string(text));
  Demand(parsed->IsConstant() == (rendered == Render(*parsed, "<<")), "only what has names changes", std::string(text));
  Demand(parsed->IsEmpty() == rendered.empty(), "nothing is rendered as nothing", std::string(text));
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::Fuzz({data, size});
  return 0;
}
