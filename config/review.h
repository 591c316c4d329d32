// What is wrong with a configuration only as a whole: its sources, routes, rules, classes and outbox seen together.
//
// Mistakes
//  1. The outbox has no room for the largest event of a source: its row for each sink goes into one transaction.
// Warnings
//  2. Events may be given up, and no route takes the records of it (`$sluice/gaps`).
//  3. A filter of a route never matches, since an earlier route takes all of it.
//  4. No source subscribes to what a rule or one of its inputs looks at.
//  5. No route takes the alerts of a rule (`$sluice/alerts/<alert>`).
#pragma once

#include "config/config.h"
#include "config/reader.h"

namespace sluice {

/// `root`: what `config` was read from, without mistakes.
void Review(ObjectReader& root, const Config& config);

}  // namespace sluice
