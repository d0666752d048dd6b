"""The sequential test: wealth from fair bets that the new version has more than its share of bad events.

An *event* is an error, or an answer slower than a threshold that was fixed beforehand.  The bet, for an odds
ratio w, on requests of which a share p went to the new version:

    an event on the new version   multiplies the wealth by  w d      d = 1 / (1 + p (w - 1))
    an event on the old version   multiplies the wealth by  d
    a request to the new version  multiplies the wealth by  g        g = 1 / (1 + x (w d - 1))

x is the margin: how much the new version's event rate may lie above the old one's (0: not at all).  With w >
1 it grows if the new version is worse than the margin allows; with w < 1, if it is *not* worse by as much as
x.  Note p w d + (1 - p) d = 1: that is what makes the bet fair.

**Claim.**  If the new version is no worse than allowed, the wealth is a nonnegative supermartingale that
begins at 1.  So by Ville's inequality (1939) it *ever* reaches 1 / alpha with probability at most alpha,
however often one looks, and whenever one chooses to stop.  Mixtures over w with fixed weights keep this
(Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon, Ann. Statist. 2021; Grünwald, de Heide, Koolen, "Safe
testing", 2024; for two proportions: Turner, Ly, Grünwald 2021).  The claim holds in each of three settings:

1. *Lots drawn by us* (sticky shares).  The unit is what a lot was drawn for: a bucket of keys, or a single
   request if there is no key.  A unit counts at most once, at its first event.  With x = 0, and if the
   version makes no difference, which units have an event, and in what order, does not depend on the lots.
   For requests, p is the share that we asked for: the n-th that has an event is on the new side with chance p
   whatever happened before, and the factor's mean is p w d + (1 - p) d = 1.  Buckets are finite in number and
   are used up: p is the share of the new side among those without an event so far.  Of the k buckets that
   are struck between two looks the number k1 on the new side is hypergeometric; w^k1 is convex in k1, so
   its mean is at most the binomial one (Hoeffding 1963, theorem 4), and that is (1 + p (w - 1))^k = d^-k.
   Nothing is assumed of the traffic: events may come in bursts, by the hour, or nearly all from one
   user.  If the new version is better, some factors w d are lost, and for w > 1 the mean falls.  With x > 0:
   an extra event strikes a fresh unit of the new side with chance at most x a request, and
   g (1 + x (w d - 1)) = 1.
2. *Lots not drawn by us* (whole workers, matched headers), requests taken in blocks of n1 new and n0 old
   whose sizes do not depend on events; p = n1 / (n1 + n0), block by block.  With x = 0 and events
   exchangeable within a block, k1 given k1 + k0 is hypergeometric, and again the mean of the factor is at
   most that of the binomial, which is 1.  The event rate may drift from block to block as it likes.
3. *The same blocks with x > 0, either sign of w - 1*, events independent, rates r0 and r1 within the block.
   At the border r1 = r0 + x the mean of the block's factor is [1 + g r0 (w d - 1)]^n1 [1 + r0 (d - 1)]^n0, at
   most exp(r0 (n1 g (w d - 1) + n0 (d - 1))).  Since n0 (d - 1) = -n1 (w d - 1) that is
   exp(r0 n1 (w d - 1) (g - 1)), and w d - 1 and g - 1 have opposite signs: at most 1.  Beyond the border
   it is smaller still.

In setting 2 requests are the units, so a client who keeps one connection to one worker and errs all the time
counts many times: the promise there is for requests that are exchangeable, and no more.
"""

from __future__ import annotations

import math
from typing import Final

from attrs import frozen


@frozen
class Grid:
    """Odds ratios that are bet on side by side, with the share of the first wealth that each gets."""

    odds: tuple[float, ...]
    weights: tuple[float, ...]

    @property
    def empty(self) -> Bets:
        """The wealth before the first event: 1 on every odds ratio."""
        return Bets(self, (0.0,) * len(self.odds))


WORSE: Final = Grid(
    (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 40.0, 200.0), (0.10, 0.20, 0.25, 0.15, 0.10, 0.08, 0.07, 0.05)
)
"""For errors and slow answers.  Small ratios need many events, large ones show in a handful; the weights cost
at most log(1 / weight) of evidence."""
NOT_WORSE: Final = Grid((0.02, 0.2, 0.4, 0.6, 0.75), (0.2, 0.2, 0.2, 0.2, 0.2))
"""For the opposite: that a rise by the tolerance can be ruled out."""
OFF_SHARE: Final = Grid(
    (0.1, 0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 2.0, 10.0), (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
)
"""For a share of units that is not the one asked for, in either direction."""


@frozen
class Bets:
    """The logarithm of the wealth on each odds ratio of the grid.  A value: `after` gives the next one."""

    grid: Grid
    logs: tuple[float, ...]

    def after(
        self, new_events: int, old_events: int, share: float, new_requests: int = 0, margin: float = 0.0
    ) -> Bets:
        """The wealth after these further events and requests; share and margin as above, 0 < share < 1."""
        if not (new_events or old_events or (new_requests and margin)):
            return self
        logs = []
        for odds, log in zip(self.grid.odds, self.logs, strict=True):
            old_factor = 1 / (1 + share * (odds - 1))
            new_factor = odds * old_factor
            log += new_events * math.log(new_factor) + old_events * math.log(old_factor)
            if margin:
                log -= new_requests * math.log(1 + margin * (new_factor - 1))
            logs.append(log)
        return Bets(self.grid, tuple(logs))

    @property
    def log_wealth(self) -> float:
        """The natural logarithm of all the wealth; compare with log(1 / alpha)."""
        terms = [math.log(weight) + log for weight, log in zip(self.grid.weights, self.logs, strict=True)]
        top = max(terms)
        return top + math.log(math.fsum(math.exp(term - top) for term in terms))
