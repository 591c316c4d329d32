#include "gateway/loop.h"

#include <doctest/doctest.h>

#include <thread>

#include "tests/run_until.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST_CASE("loop: tasks of another thread run on the loop thread, in order, none lost") {
  Loop loop;
  const auto loop_thread = std::this_thread::get_id();
  std::vector<int> ran;
  std::thread other([&] {
    for (int i = 0; i < 1'000; ++i) {
      loop.Post([&, i] {
        CHECK(std::this_thread::get_id() == loop_thread);
        ran.push_back(i);
        if (i == 999) loop.Stop();
      });
    }
  });
  loop.Run();
  other.join();
  REQUIRE(ran.size() == 1'000);
  CHECK(std::is_sorted(ran.begin(), ran.end()));
}

TEST_CASE("loop: a timer runs once per start, may be restarted or destroyed from its own function") {
  Loop loop;
  int runs = 0;
  std::unique_ptr<Timer> again;
  std::unique_ptr<Timer> suicidal = loop.NewTimer([&] {
    ++runs;
    suicidal.reset();
  });
  again = loop.NewTimer([&] {
    if (++runs < 5) return again->Start(milliseconds(1));
    again.reset();
    loop.Stop();
  });
  suicidal->Start(milliseconds(0));
  again->Start(milliseconds(1));
  loop.Run();
  CHECK(runs == 5);
}

TEST_CASE("loop: background work runs elsewhere, its end here") {
  Loop loop;
  const auto loop_thread = std::this_thread::get_id();
  std::thread::id worker;
  loop.Background([&] { worker = std::this_thread::get_id(); },
                  [&] {
                    CHECK(std::this_thread::get_id() == loop_thread);
                    loop.Stop();
                  });
  loop.Run();
  CHECK(worker != loop_thread);
}

TEST_CASE("run until: it looks again on a machine that stood still for longer than a look") {
  Loop loop;
  int looks = 0;
  RunUntil(loop, [&] {
    std::this_thread::sleep_for(2 * kLook);
    return ++looks == 3;
  });
}

}  // namespace
}  // namespace sluice
