"""Every error that hotpatch raises on purpose, under one root.

An error's text says what happened, to what, why, and what to do next: it is what an operator reads,
alone on one line, without a traceback.  `exit_code` is what the CLI exits with; scripts rely on
it, so a code is never given to another meaning (docs/exit-codes.md is drawn from this file).

0 is success; 1 a release that failed or was rolled back; 2 an outcome that is not known in time;
64 a command line that makes no sense; 70 a bug in hotpatch.
"""

from __future__ import annotations

from typing import ClassVar


class HotpatchError(Exception):
    """The root: catch this to catch everything that hotpatch raises on purpose."""

    exit_code: ClassVar[int] = 70


class ReleaseFailed(HotpatchError):
    """A release was refused or rolled back after it was pushed; the service runs what it ran before."""

    exit_code = 1


class OutcomeUnknown(HotpatchError):
    """The outcome of a release is not known within the time that the caller gave."""

    exit_code = 2


# -- where the service is --------------------------------------------------------------------


class NoHome(HotpatchError):
    """There is no home folder where one was looked for."""

    exit_code = 10


class NotAService(HotpatchError):
    """The folder exists, but is not the home of a service."""

    exit_code = 11


class NoWorkerAlive(HotpatchError):
    """No worker of the service is alive to take the release."""

    exit_code = 24


class DiskFull(HotpatchError):
    """A file of the home folder could not be written whole: no space left."""

    exit_code = 25


class NotWritable(HotpatchError):
    """A file or folder of the home folder can't be written by this user."""

    exit_code = 26


class Busy(HotpatchError):
    """Another release is on its way through this service."""

    exit_code = 27


class LedgerDamaged(HotpatchError):
    """The ledger can't be read: torn, damaged or tampered with; the text says which."""

    exit_code = 28


# -- what a bundle is ------------------------------------------------------------------------


class BundleError(HotpatchError):
    """The root of all that makes a bundle unacceptable before anything of it is looked at or run."""

    exit_code = 12


class NotABundle(BundleError):
    """The file is no bundle."""

    exit_code = 12


class BundleCutShort(BundleError):
    """The bundle ends before its contents do."""

    exit_code = 13


class BundleTooLarge(BundleError):
    """The bundle, or a part of it, is larger than the bounds allow."""

    exit_code = 14


class Unsigned(BundleError):
    """The bundle bears too few signatures."""

    exit_code = 15


class WrongKey(BundleError):
    """The bundle's signatures are not by keys that this service trusts, or do not fit its contents."""

    exit_code = 16


class Expired(BundleError):
    """The bundle's statement has expired."""

    exit_code = 17


class WrongService(BundleError):
    """The bundle is for another service or environment."""

    exit_code = 18


class OldVersion(BundleError):
    """The release is not newer than what the ledger has already seen."""

    exit_code = 19


class BaseDiffers(BundleError):
    """The service does not run the sources that the release was built against; says which and how."""

    exit_code = 20


class WrongPython(BundleError):
    """The release was measured on another Python than the one that serves."""

    exit_code = 29


class KeyProblem(HotpatchError):
    """A key file is missing, unreadable, or its passphrase is wrong."""

    exit_code = 30


class BuildFailed(HotpatchError):
    """A bundle can't be built: the sources do not start, or nothing differs."""

    exit_code = 31


# -- what a patch does -----------------------------------------------------------------------


class CheckFailed(HotpatchError):
    """A smoke check said no."""

    exit_code = 21


class CheckHung(HotpatchError):
    """A smoke check, or the staging of the release, did not end within its time limit."""

    exit_code = 22


class CheckDied(HotpatchError):
    """The rehearsal process died: killed, crashed, exited or out of memory."""

    exit_code = 23


class PatchRefused(HotpatchError):
    """The change has no sound live form; nothing was changed.  The text says why."""

    exit_code = 32


class NotStarted(PatchRefused):
    """The program as it runs did not start in a clean process, so that nothing could be measured."""


class PatchInvalid(HotpatchError):
    """The new sources are not a program: they do not compile or do not start.  Nothing was changed."""

    exit_code = 33


# -- what a service is asked -----------------------------------------------------------------


class NoSuchRelease(HotpatchError):
    """There is no such release to go to: never live here, no longer kept, or on top already."""

    exit_code = 34


class ReleaseQuarantined(HotpatchError):
    """Workers crashed under this release; the service does not take it again."""

    exit_code = 35


class BadRequest(HotpatchError):
    """A request in the spool makes no sense to this service's agents."""

    exit_code = 36


# -- how a release goes in -------------------------------------------------------------------


class StrategyInvalid(HotpatchError):
    """The strategy of a rollout does not make sense; the text says which setting and why."""

    exit_code = 40


class VerbRefused(HotpatchError):
    """What was asked of a rollout makes no sense where it stands; nothing was changed."""

    exit_code = 41


class DeployLocked(HotpatchError):
    """Someone holds the deploy lock: nothing is pushed until they, or `--force`, let go."""

    exit_code = 42
