"""The compiled inner loops of pruning on a CPU: the effective matrix, and the step of all scores of a layer.

Per step, a layer's frozen weights, scores and momenta are each read once, in blocks that stay in the first cache, and
nothing of their size is allocated.  The new mask is set in the same pass for all scores but those in a narrow band
around the last threshold; these few come back as candidates, to be ranked exactly.

All compiled code is in one file, as Numba caches a function by the time stamp of its file alone.
"""

import numpy as np

from lottery.compiled import compiled

BLOCK = 64


@compiled
def combine(weights, mask, gates, matrix):
    """matrix[o, c, i] = sum over k of gates[c, k, i] * weights[k, o, i] where mask[k, o, i], else nothing.

    weights, mask (r, out, in); gates (channels, r, in); matrix (out, channels, in), overwritten.
    """
    redundancy, outputs, inputs = weights.shape
    zero = weights.dtype.type(0)
    matrix[:] = zero
    for o in range(outputs):
        for k in range(redundancy):
            for c in range(gates.shape[0]):
                for i in range(inputs):
                    matrix[o, c, i] += gates[c, k, i] * (weights[k, o, i] if mask[k, o, i] else zero)


@compiled
def learn(
    scores, momenta, mask, weights, gates, gradient, gates_gradient, rate, momentum, decay, low, high, candidates
):
    """One SGD step of the scores (straight-through), and the mask of all that are surely in or out.

    The gradient of a score is that of its masked weight, times the weight, times the score's sign (scores are ranked by
    absolute value).  gradient (out, channels, in) is that of `matrix`; gates_gradient (channels, r, in) is overwritten
    with that of the gates, under the mask as it was.  Then mask = |score| > high; flat indices with low <= |score| <= high
    go to `candidates`, in order, as far as it has room.  Returns how many are above, and how many candidates there are.
    """
    redundancy, outputs, inputs = scores.shape
    channels = gates.shape[0]
    zero = scores.dtype.type(0)
    above = 0
    found = 0
    pull = np.empty(BLOCK, scores.dtype)
    gates_gradient[:] = zero
    for k in range(redundancy):
        for o in range(outputs):
            for start in range(0, inputs, BLOCK):
                stop = min(start + BLOCK, inputs)
                size = stop - start
                weight = weights[k, o, start:stop]
                kept = mask[k, o, start:stop]
                score = scores[k, o, start:stop]
                velocity = momenta[k, o, start:stop]
                pull[:] = zero
                for c in range(channels):
                    down = gradient[o, c, start:stop]
                    gate = gates[c, k, start:stop]
                    gate_down = gates_gradient[c, k, start:stop]
                    for i in range(size):
                        pull[i] += down[i] * gate[i]
                        gate_down[i] += down[i] * (weight[i] if kept[i] else zero)
                surely = np.int32(0)
                near = np.int32(0)
                for i in range(size):
                    slope = pull[i] * weight[i]
                    signed = slope if score[i] > zero else (-slope if score[i] < zero else zero)
                    velocity[i] = momentum * velocity[i] + (signed + decay * score[i])
                    score[i] = score[i] - rate * velocity[i]
                    magnitude = abs(score[i])
                    kept[i] = magnitude > high
                    surely += np.int32(magnitude > high)
                    near += np.int32((magnitude >= low) & (magnitude <= high))
                above += surely
                if near:
                    base = (k * outputs + o) * inputs + start
                    for i in range(size):
                        if low <= abs(score[i]) <= high:
                            if found < candidates.size:
                                candidates[found] = base + i
                            found += 1
    return above, found
