import type { Difference } from './compare.ts';

const LIKE_RUNC = 'what version 2 has no file for is passed over, as with runc';

/** The differences that stay on a pure cgroup v2 kernel, beside those that show everywhere. */
export const UNIFIED_DIFFERENCES: readonly Difference[] = [
  {
    peer: 'runc',
    facts: /^see\.mount\.\/(sys\/fs\/cgroup|cg)(#2)?\.source$/,
    reason: 'the source is a word without meaning',
  },
  {
    peer: 'crun',
    facts: /^see\.device\./,
    cases: [
      'device rules: all but one',
      'device rules: all may be used, one not made',
      'device rules: denied of all and partly allowed again',
    ],
    reason: 'what is denied of all devices stays denied, as with runc; crun lets any be made',
  },
  {
    peer: 'crun',
    facts: /^see\.device\./,
    cases: ['device rules: only making denied of all'],
    reason: 'a rule about all devices is about every access, as with runc and on version 1',
  },
  {
    peer: 'crun',
    facts: /^see\.device\..*both$/,
    cases: ['device rules: reading and writing by two rules'],
    reason: 'what two rules allow may be had together, as with runc; crun looks for one rule',
  },
  {
    peer: 'crun',
    facts: /^see\.device\..*both$/,
    cases: ['device rules: denied after allowed', 'device rules: a hole in a whole major'],
    reason: 'who may not write may not open for both, as with runc',
  },
  {
    peer: 'runc',
    cases: ['device rules: a hole in a whole major'],
    reason: 'version 2 can keep it; runc refuses what version 1 could not',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: ['device rules: access unknown', 'device rules: type unknown'],
    reason: 'what is no rule is refused, never left out',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: [
      'cgroup: memory kernel',
      'cgroup: memory swappiness',
      'cgroup: memory no OOM killer',
      'cgroup: memory hierarchy',
      'cgroup: cpu real time',
      'cgroup: network class',
      'cgroup: network priorities',
    ],
    reason: LIKE_RUNC,
  },
  {
    peer: 'runc',
    cases: ['cgroup: memory swappiness too great', 'cgroup: blkio weight of a device too great'],
    reason: 'a value out of its range is refused wherever it would go',
  },
  {
    peer: 'crun',
    facts: /^see\.cgroup\.file\.hugetlb/,
    cases: ['cgroup: hugetlb'],
    reason: 'reserved pages are limited too, as with runc',
  },
  {
    peer: 'runc',
    facts: /^error$/,
    cases: ['cgroup: unified unknown controller'],
    reason: 'the same refusal in other words',
  },
  {
    peer: 'crun',
    facts: /^see\.cgroup\.file\.cgroup\.controllers$/,
    reason: 'every controller is handed down, as with runc',
  },
  {
    peer: 'both',
    facts: /^code$/,
    cases: ['process: rlimit given twice'],
    reason: 'a type that is given twice is an error, as runtime-spec asks',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: ['process: affinity of exec'],
    reason: 'a processor that the machine lacks is an error, as with runc; crun passes it over',
  },
  {
    peer: 'crun',
    facts: /^code$/,
    cases: ['life: update with rubbish'],
    reason: 'what is no number is refused, as with runc; crun takes it for 0',
  },
];
