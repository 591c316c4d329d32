// arrived BOOTSTRAP TOPIC PARTITIONS COUNT: ends when the topic has COUNT records. Asks for the ends of the partitions, reads nothing.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  char why[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], why, sizeof why);
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
  if (kafka == nullptr) return 1;
  const int partitions = std::atoi(argv[3]);
  const std::int64_t count = std::atoll(argv[4]);
  for (std::int64_t sum = 0; sum < count;) {
    sum = 0;
    for (int i = 0; i < partitions; ++i) {
      std::int64_t low = 0;
      std::int64_t high = 0;
      if (rd_kafka_query_watermark_offsets(kafka, argv[2], i, &low, &high, 5'000) == RD_KAFKA_RESP_ERR_NO_ERROR) sum += high;
    }
    if (sum < count) std::this_thread::sleep_for(std::chrono::milliseconds(20));  // So that asking costs next to nothing.
  }
  std::puts("done");
  std::fflush(stdout);
  std::_Exit(0);
}
