// mock_kafka [TOPIC:PARTITIONS ...]: librdkafka's mock cluster in a process of its own.
//
// The first line on stdout is its address. Lines on stdin: down, up, rtt MS, error CODE COUNT, quit. Ends with stdin.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/mock_kafka.h"

int main(int argc, char** argv) {
  sluice::MockKafka kafka;
  for (int i = 1; i < argc; ++i) {
    const std::string topic = argv[i];
    const std::size_t colon = topic.find(':');
    kafka.CreateTopic(topic.substr(0, colon), colon == std::string::npos ? 1 : std::atoi(topic.c_str() + colon + 1));
  }
  std::printf("%s\n", kafka.bootstrap().c_str());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    int first = 0;
    int second = 0;
    words >> verb >> first >> second;
    if (verb == "quit") break;
    if (verb == "down" || verb == "up") kafka.SetDown(verb == "down");
    if (verb == "rtt") kafka.SetRoundTrip(first);
    if (verb == "error") kafka.FailProduce(static_cast<rd_kafka_resp_err_t>(first), second);
    std::printf("ok\n");
    std::fflush(stdout);
  }
}
