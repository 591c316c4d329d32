#include "gateway/sample_summary.h"

namespace sluice {

SampleTotals SampleTotals::Of(std::span<const Sample> samples) {
  SampleTotals totals;
  for (const Sample& sample : samples) totals.Merge({sample.value, sample.value, sample.value});
  return totals;
}

double LostIn(std::span<const Sample> samples) {
  double lost = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {
    if (samples[i].value < samples[i - 1].value) lost += samples[i - 1].value;
  }
  return lost;
}

// Distances from the first sample keep the digits that large values and times share out of the sums.
SampleMoments SampleMoments::Of(std::span<const Sample> samples) {
  const Sample& first = samples.front();
  const auto count = static_cast<double>(samples.size());
  const auto after = [&](const Sample& sample) { return static_cast<double>(sample.at - first.at); };
  double time = 0;
  double value = 0;
  for (const Sample& sample : samples) {
    time += after(sample);
    value += sample.value - first.value;
  }
  time /= count;
  value /= count;
  SampleMoments moments{.count = count, .mean_time = time, .mean_value = first.value + value};
  for (const Sample& sample : samples) {
    const double from_time = after(sample) - time;
    const double from_value = (sample.value - first.value) - value;
    moments.times += from_time * from_time;
    moments.values += from_value * from_value;
    moments.times_values += from_time * from_value;
  }
  return moments;
}

void SampleMoments::Merge(const SampleMoments& next, double later) {
  if (count == 0) {
    *this = next;
    mean_time += later;
    return;
  }
  const double time = next.mean_time + later - mean_time;
  const double value = next.mean_value - mean_value;
  const double part = next.count / (count + next.count);
  const double weight = count * part;
  mean_time += time * part;
  mean_value += value * part;
  times += next.times + time * time * weight;
  values += next.values + value * value * weight;
  times_values += next.times_values + time * value * weight;
  count += next.count;
}

}  // namespace sluice
