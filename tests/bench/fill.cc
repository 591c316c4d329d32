// fill OUTBOX SINK COUNT SIZE: an outbox with a backlog of COUNT events of SIZE bytes for SINK, written by the store itself.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "store/outbox.h"

namespace {

sluice::Row MakeRow(sluice::Seq seq, std::size_t size) {
  sluice::Row row;
  row.seq = seq;
  row.previous = seq - 1;
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  sluice::Outbox::Options options;
  options.config.path = argv[1];
  options.config.min_free_bytes = 0;
  options.lanes = {{argv[2], "normal"}};
  sluice::Result<sluice::Outbox> outbox = sluice::Outbox::Open(options);
  if (!outbox) {
    std::fprintf(stderr, "fill: %s\n", outbox.error().message.c_str());
    return 1;
  }
  const sluice::Seq count = std::strtoull(argv[3], nullptr, 10);
  for (sluice::Seq seq = 0; seq < count;) {
    sluice::Batch batch;
    sluice::LaneAppend append{outbox->lanes()[0].id, {}};
    for (int i = 0; i < 2000 && seq < count; ++i) append.rows.push_back(MakeRow(++seq, std::strtoull(argv[4], nullptr, 10)));
    batch.last_seq = seq;
    batch.appends.push_back(std::move(append));
    if (sluice::Result<void> done = outbox->Commit(batch); !done) {
      std::fprintf(stderr, "fill: %s\n", done.error().message.c_str());
      return 1;
    }
  }
  outbox->Close();
}
