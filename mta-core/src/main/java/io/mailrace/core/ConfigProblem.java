// SPDX-License-Identifier: Apache-2.0
package io.mailrace.core;

/**
 * One thing wrong in a config file.
 *
 * @param file path, or a word for where the text came from
 * @param line 1-based, 0 when unknown
 */
public record ConfigProblem(String file, int line, String text) {
    @Override
    public String toString() {
        return file + (line > 0 ? ":" + line : "") + ": " + text;
    }
}
