// SPDX-License-Identifier: Apache-2.0
package io.mailrace.benchmarks;

/** What a message costs by its size: a part for each, and a part for each octet. */
record CapacityCost(double fixedMicros, double microsPerOctet) {

    /** The line through two measurements. */
    static CapacityCost of(double size, double micros, double otherSize, double otherMicros) {
        if (size == otherSize) {
            throw new IllegalArgumentException("two sizes are needed");
        }
        double perOctet = (otherMicros - micros) / (otherSize - size);
        return new CapacityCost(micros - perOctet * size, perOctet);
    }

    double micros(double size) {
        return fixedMicros + microsPerOctet * size;
    }
}
