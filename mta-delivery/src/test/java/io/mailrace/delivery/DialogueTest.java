// SPDX-License-Identifier: Apache-2.0
package io.mailrace.delivery;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each conversation of {@code src/test/resources/dialogues}; {@link Dialogue} explains them. */
class DialogueTest {
    private static final Path FOLDER = Path.of("src/test/resources/dialogues");

    static Stream<String> cases() throws IOException {
        try (Stream<Path> files = Files.list(FOLDER)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".smtp")).sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void dialogue_played_isAsWritten(String name) throws IOException {
        new Dialogue().play(Files.readAllLines(FOLDER.resolve(name)));
    }
}
