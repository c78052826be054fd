"""Fits a damped oscillation to noisy samples: amplitude, damping, frequency and phase of a exp(-b t) cos(2 pi f t + p).

The truth is 1.5, 0.4, 1.25, 0.6. The samples' noise comes from the seed that both members of a pair share, so a pair is
compared on the same data. The value is the mean squared error, to be minimised.
"""
import math
import random

from seedcast_objective import serve

TRUTH = (1.5, 0.4, 1.25, 0.6)


def signal(t, amplitude, damping, frequency, phase):
    return amplitude * math.exp(-damping * t) * math.cos(2 * math.pi * frequency * t + phase)


def evaluate(parameters, request):
    noise = random.Random(request["seed"])
    guess = [parameters[name][0] for name in ("amplitude", "damping", "frequency", "phase")]
    errors = []
    for i in range(100):
        t = i / 25
        errors.append((signal(t, *TRUTH) + noise.gauss(0, 0.05) - signal(t, *guess)) ** 2)
    return sum(errors) / len(errors)


serve(evaluate)
