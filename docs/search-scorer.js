// The site's search: a guide comes before the modules that do what it tells. All but `score` are
// Sphinx's own numbers, which it does not keep once there is a scorer; it declares it with `var` too.
"use strict";

var Scorer = {
  score: ([page, , , , score]) => (page.startsWith("api/") ? score - 12 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
