add_executable(powercut powercut/powercut.cc powercut/alerts.cc powercut/disk.cc powercut/operations.cc)
target_link_libraries(powercut PRIVATE sluice_store sluice_core sluice_failpoint_none)
