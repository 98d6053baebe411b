"""The compiled inner loops of pruning on a CPU: the effective weight of a layer, and one step of all its scores.

Shapes: R redundancy, O outputs, I inputs, P parts of weight1 (see `lottery.pruning.layers`).

Per step, the frozen weights, scores and velocities of a layer are each read once, in blocks that stay in the first-level cache;
nothing of their size is allocated.  The same pass sets the new mask, except for scores in a narrow band around the last
threshold.  These few are returned as candidates, for the caller to rank exactly.

All compiled code is in one file, because Numba checks its cache against the time stamp of that file alone.
"""

import numpy as np

from lottery.compiled import compiled

BLOCK = 64


@compiled
def effective_weight(weights, mask, parts, effective):
    """Set effective[o, p, i] to the sum over k of parts[p, k, i] * weights[k, o, i], over the weights that `mask` keeps.

    weights, mask (R, O, I); parts (P, R, I); effective (O, P, I), overwritten.
    """
    redundancy, outputs, inputs = weights.shape
    zero = weights.dtype.type(0)
    effective[:] = zero
    for o in range(outputs):
        for k in range(redundancy):
            for p in range(parts.shape[0]):
                for i in range(inputs):
                    effective[o, p, i] += parts[p, k, i] * (weights[k, o, i] if mask[k, o, i] else zero)


@compiled
def update_scores(
    scores, velocities, mask, weights, parts, gradient, parts_gradient, learning_rate, momentum, decay, low, high, candidates
):  # fmt: skip
    """One SGD step of the scores of weight2 (straight-through), and its mask except for scores in the band.

    scores, velocities, mask, weights (R, O, I), of which the first three are updated; parts (P, R, I); gradient (O, P, I), of the
    effective weight; parts_gradient (P, R, I), overwritten with the gradient of the parts under the old mask.

    Straight-through estimator: grad(score) = grad(masked weight) * weight * sign(score), since scores are ranked by magnitude.
    Then mask = |score| > high.  Flat indices with low <= |score| <= high go to `candidates`, in order, as far as it has room.
    Returns the number of scores above `high` and the number in the band.
    """
    redundancy, outputs, inputs = scores.shape
    n_parts = parts.shape[0]
    zero = scores.dtype.type(0)
    n_above = 0
    n_candidates = 0
    masked_gradient = np.empty(BLOCK, scores.dtype)  # of the masked weights of a block
    parts_gradient[:] = zero
    for k in range(redundancy):
        for o in range(outputs):
            for start in range(0, inputs, BLOCK):
                stop = min(start + BLOCK, inputs)
                size = stop - start
                weight = weights[k, o, start:stop]
                kept = mask[k, o, start:stop]
                score = scores[k, o, start:stop]
                velocity = velocities[k, o, start:stop]
                masked_gradient[:] = zero
                for p in range(n_parts):
                    output_gradient = gradient[o, p, start:stop]
                    part = parts[p, k, start:stop]
                    part_gradient = parts_gradient[p, k, start:stop]
                    for i in range(size):
                        masked_gradient[i] += output_gradient[i] * part[i]
                        part_gradient[i] += output_gradient[i] * (weight[i] if kept[i] else zero)
                block_above = np.int32(0)
                block_candidates = np.int32(0)
                for i in range(size):
                    slope = masked_gradient[i] * weight[i]
                    signed = slope if score[i] > zero else (-slope if score[i] < zero else zero)
                    velocity[i] = momentum * velocity[i] + (signed + decay * score[i])
                    score[i] = score[i] - learning_rate * velocity[i]
                    magnitude = abs(score[i])
                    kept[i] = magnitude > high
                    block_above += np.int32(magnitude > high)
                    block_candidates += np.int32((magnitude >= low) & (magnitude <= high))
                n_above += block_above
                if block_candidates:
                    first = (k * outputs + o) * inputs + start  # flat index of the block's first score
                    for i in range(size):
                        if low <= abs(score[i]) <= high:
                            if n_candidates < candidates.size:
                                candidates[n_candidates] = first + i
                            n_candidates += 1
    return n_above, n_candidates
