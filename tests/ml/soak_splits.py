"""Ten thousand histories of a collection, and how near every smiley comes to its shares."""

import numpy as np

from tests.ml.split_sequences import POINTS, history

SEQUENCES = 10_000
_SIZES = ((1, 10), (10, 30), (30, 100), (100, 300), (300, 10**9))


def test_ten_thousand_sequences_of_arrivals_deletions_and_freezes() -> None:
    seen = [history(seed) for seed in range(SEQUENCES)]
    overall = np.concatenate([one.overall for one in seen])
    excused = sum(one.excused for one in seen)
    print(f"\n{SEQUENCES:,} sequences, {sum(one.freezes for one in seen):,} freezes; of 200 people and more:")
    print(
        f"{len(overall):,} freezes, off by {overall.mean():.2%} on average, {np.quantile(overall, 0.95):.2%} at"
    )
    print(
        f"the 95th percentile, {overall.max():.2%} at most; {excused} beyond {POINTS:.0%}, by less than one brings"
    )
    print("photos of a smiley   off by, median   95th percentile")
    labels = [one for each in seen for one in each.by_label]
    for low, high in _SIZES:
        off = [deviation for photos, deviation in labels if low <= photos < high]
        print(f"{low:>6} and more {len(off):>7} {np.median(off):>12.1%} {np.quantile(off, 0.95):>17.1%}")
    assert len(overall) > 1000
    assert excused <= len(overall) / 100
