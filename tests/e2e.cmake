add_executable(sluice-failpoints e2e/failpoint.cc)
target_link_libraries(sluice-failpoints PRIVATE sluice_main)
