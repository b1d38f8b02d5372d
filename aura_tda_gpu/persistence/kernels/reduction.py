"""Relations of the split edges, written in birth edges and reduced over Z/2."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import leading_zeros, trailing_zeros

from .relations import add_births, birth_table, holds, relation

_ONE = np.uint64(1)
_ZERO = np.uint64(0)


@njit(nogil=True, cache=True, inline="always")
def _youngest(column, word):
    """Highest set bit at or below ``word``, -1 when there is none."""
    while word >= 0:
        value = column[word]
        if value != _ZERO:
            above = np.int64(leading_zeros(value))  # type: ignore[call-arg]
            return word * 64 + 63 - above
        word -= 1
    return -1


@njit(nogil=True, cache=True)
def _store(column, words, pool, used):
    """Move a column to the end of the pool: as a list if that is shorter than its words."""
    if used + words > pool.shape[0]:
        larger = np.empty(2 * pool.shape[0] + words, np.uint64)
        larger[:used] = pool[:used]
        pool = larger
    size = 0
    for word in range(words):
        value = column[word]
        while value != _ZERO and size < words:
            bit = np.uint64(trailing_zeros(value))  # type: ignore[call-arg]
            pool[used + size] = np.uint64(word * 64) + bit
            size += 1
            value &= value - _ONE
        if value != _ZERO:
            size = words
            break
    as_words = size == words
    for word in range(words):
        if as_words:
            pool[used + word] = column[word]
        column[word] = _ZERO
    return pool, used + size, as_words


@njit(nogil=True, cache=True)
def _add(column, stored, as_words):
    """Add a stored column over Z/2."""
    if as_words:
        for word in range(stored.shape[0]):
            column[word] ^= stored[word]
    else:
        for index in stored:
            column[np.int64(index >> np.uint64(6))] ^= _ONE << (index & np.uint64(63))


@njit(nogil=True, cache=True)
def column_members(spans, as_words, pool, rows):
    """List the births of some columns: offsets (len(rows) + 1,) and members, both int64."""
    offsets = np.zeros(rows.shape[0] + 1, np.int64)
    members = np.empty(1024, np.int64)
    used = 0
    for k in range(rows.shape[0]):
        stored = pool[spans[rows[k], 0] : spans[rows[k], 1]]
        most = stored.shape[0] * (64 if as_words[rows[k]] else 1)
        if used + most > members.shape[0]:
            larger = np.empty(2 * members.shape[0] + most, np.int64)
            larger[:used] = members[:used]
            members = larger
        if as_words[rows[k]]:
            for word in range(stored.shape[0]):
                value = stored[word]
                while value != _ZERO:
                    members[used] = word * 64 + np.int64(
                        trailing_zeros(value)  # type: ignore[call-arg]
                    )
                    used += 1
                    value &= value - _ONE
        else:
            for index in stored:
                members[used] = np.int64(index)
                used += 1
        offsets[k + 1] = used
    return offsets, members[:used].copy()


@njit(nogil=True, cache=True)
def reduce_relations(
    bits, splits, reps, births, apexes, empty, old, sources, gone, frayed, keeping
):
    """Pair birth edges with split edges.

    Parameters
    ----------
    bits : (n, n) uint32, patterns of the dissimilarities
    splits : (s,) uint64, sorted keys of the split edges
    reps : (k,) int64, per split edge a count c and one vertex of each component of its lune
    births : (beta,) uint64, sorted keys of the birth edges
    apexes : (n, n) uint16, below the diagonal a vertex r of the lune of each edge, as r or n + r,
        or UNKNOWN, then written; ``empty`` or more at RNG edges
    empty : int, greater than every r or n + r that occurs
    old : (starts, spans, chains, touched), what an earlier call kept
    sources : (s,) int64, position of each split edge in that call, -1 for one that is new
    gone, frayed : (words,) uint64, vertices that have left since, and the ends of edges that have
        ceased to be RNG edges since
    keeping : bool, whether to keep relations for a later call

    Returns
    -------
    deaths : (beta,) uint64, key of the split edge that kills each birth, 0 when none does
    spans : (beta, 2) int64, where in ``pool`` the reduced column with that pivot starts and ends
    as_words : (beta,) bool, whether it is a bitset over the births there, else a list of them
    pool : (total,) uint64
    counts : (4,) int64, relations used, column additions, births killed, relations found again
    kept : (starts, spans, chains, touched): first relation of each split edge, (s + 1,) int64;
        where its chain starts and ends, (k, 2) int64; the chains, uint32; bitsets (k, words)
    """
    n = bits.shape[0]
    beta = births.shape[0]
    deaths = np.zeros(beta, np.uint64)
    spans = np.zeros((beta, 2), np.int64)
    as_words = np.zeros(beta, np.bool_)
    pool = np.empty(1024, np.uint64)
    used = 0
    words = (beta + 63) >> 6
    column = np.zeros(words, np.uint64)
    heap = np.empty(256, np.uint64)
    chain = np.empty(256, np.uint32)
    counts = np.zeros(4, np.int64)
    birth_starts, smaller, index = birth_table(births, n)
    old_starts, old_spans, old_chains, old_touched = old
    n_kept = reps.shape[0] - 2 * splits.shape[0] if keeping else 0
    starts = np.zeros(splits.shape[0] + 1 if keeping else 0, np.int64)
    chain_spans = np.zeros((n_kept, 2), np.int64)
    chains = np.empty(1024, np.uint32)
    touched = np.zeros((n_kept, (n + 63) >> 6 if keeping else 0), np.uint64)
    untouched = np.empty(0, np.uint64)
    filled = 0
    row = 0
    i_stop = 0
    at = 0
    for i in range(splits.shape[0]):
        if counts[2] == beta:
            break
        i_stop = i + 1
        key = splits[i]
        source = sources[i] if keeping else -1
        if keeping:
            starts[i] = row
        first = reps[at + 1]
        for j in range(at + 2, at + 1 + reps[at]):
            there = False
            if source >= 0:
                before = old_starts[source] + j - at - 2
                if before < old_starts[source + 1]:
                    found = old_chains[old_spans[before, 0] : old_spans[before, 1]]
                    there = holds(found, old_touched[before], gone, frayed, apexes, empty)
            if there:
                counts[3] += 1
                length = found.shape[0]
                for word in range(touched.shape[1]):
                    touched[row, word] = old_touched[before, word]
            else:
                marks = touched[row] if keeping else untouched
                heap, chain, length = relation(
                    bits, apexes, empty, key, first, reps[j], heap, chain, marks
                )
                found = chain[:length]
            if keeping:
                if filled + length > chains.shape[0]:
                    longer = np.empty(2 * chains.shape[0] + length, np.uint32)
                    longer[:filled] = chains[:filled]
                    chains = longer
                chains[filled : filled + length] = found
                chain_spans[row, 0] = filled
                filled += length
                chain_spans[row, 1] = filled
                row += 1
            add_births(found, birth_starts, smaller, index, column)
            counts[0] += 1
            pivot = _youngest(column, words - 1)
            while pivot >= 0 and spans[pivot, 1] > 0:
                counts[1] += 1
                _add(column, pool[spans[pivot, 0] : spans[pivot, 1]], as_words[pivot])
                pivot = _youngest(column, pivot >> 6)
            if pivot >= 0:
                spans[pivot, 0] = used
                pool, used, as_words[pivot] = _store(column, (pivot >> 6) + 1, pool, used)
                spans[pivot, 1] = used
                deaths[pivot] = key
                counts[2] += 1
        at += 1 + reps[at]
    starts[min(i_stop, starts.shape[0]) :] = row
    kept = (starts, chain_spans[:row].copy(), chains[:filled].copy(), touched[:row].copy())
    return deaths, spans, as_words, pool[:used].copy(), counts, kept
