"""The session in README.md is what the binary says, but for how long things took."""
import os
import re
import subprocess
import sys

import harness

TOOK = re.compile(r"in \d+\.\d\d s|\d+\.\d\d s, [\d,]+ rows/s")


def sessions(text):
    """[(command, output)] of the code blocks that start with a prompt."""
    steps = []
    for block in re.findall(r"^```\n(\$ .*?)^```$", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            steps.append((command, output))
    return steps


def lasting(text):
    return [line.rstrip() for line in TOOK.sub("(time)", text).splitlines()]


class Readme(harness.StoreTest):
    def test_every_command_of_the_session_gives_the_output_that_stands_there(self):
        example = harness.ROOT / "examples" / "payments"
        subprocess.run([sys.executable, "-B", example / "generate.py", self.folder], check=True)
        self.write("features.yaml", (example / "features.yaml").read_text())
        (self.folder / "bin").mkdir()
        (self.folder / "bin" / "selfsame").symlink_to(harness.binary())
        environment = {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        environment.pop("SELFSAME_DIR", None)
        steps = sessions((harness.ROOT / "README.md").read_text())
        self.assertGreater(len(steps), 6)
        for command, output in steps:
            done = subprocess.run(["sh", "-c", f"{{ {command}; }} 2>&1"], cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                                  check=False)
            self.assertEqual(lasting(done.stdout.decode()), lasting(output), command)


if __name__ == "__main__":
    harness.main()
