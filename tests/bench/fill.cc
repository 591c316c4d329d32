// fill OUTBOX COUNT SIZE SINK/CLASS...: an outbox with a backlog of COUNT events of SIZE bytes in turns for these lanes, written by the
// store itself.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "store/outbox.h"

namespace {

sluice::Row MakeRow(sluice::Seq seq, sluice::Seq previous, std::size_t size) {
  sluice::Row row;
  row.seq = seq;
  row.previous = previous;
  row.source = "local";
  row.destination = "plant";
  row.event.topic = "plant/line-" + std::to_string(seq % 50) + "/telemetry";
  row.event.payload = "{\"n\":" + std::to_string(seq) + ",\"pad\":\"";
  row.event.payload.resize(size - 2, 'x');
  row.event.payload += "\"}";
  row.event.received = std::chrono::system_clock::now();
  row.event.qos = 1;
  return row;
}

int Fail(const sluice::Error& error) {
  std::fprintf(stderr, "fill: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const sluice::Seq count = std::strtoull(argv[2], nullptr, 10);
  const std::size_t size = std::strtoull(argv[3], nullptr, 10);
  sluice::Outbox::Options options;
  options.config.path = argv[1];
  options.config.min_free_bytes = 0;
  options.config.max_bytes = std::max<sluice::Bytes>(options.config.max_bytes, count * (size + 512));
  for (int i = 4; i < argc; ++i) {
    const std::string lane = argv[i];
    options.lanes.push_back({lane.substr(0, lane.find('/')), lane.substr(lane.find('/') + 1)});
  }
  sluice::Result<sluice::Outbox> outbox = sluice::Outbox::Open(options);
  if (!outbox) return Fail(outbox.error());
  const std::size_t lanes = options.lanes.size();
  for (sluice::Seq seq = 0; seq < count;) {
    sluice::Batch batch;
    for (std::size_t i = 0; i < lanes; ++i) batch.appends.push_back({outbox->lanes()[i].id, {}});
    for (int i = 0; i < 2000 && seq < count; ++i) {
      const sluice::Seq previous = seq >= lanes ? seq + 1 - lanes : 0;
      batch.appends[seq % lanes].rows.push_back(MakeRow(seq + 1, previous, size));
      ++seq;
    }
    batch.last_seq = seq;
    if (sluice::Result<void> done = outbox->Commit(batch); !done) return Fail(done.error());
  }
  outbox->Close();
}
