#!/usr/bin/env python3
"""Every check fails on the thing it is there for, and only on that."""
import json
import os
import pathlib
import shutil
import tempfile
import unittest
from unittest import mock

import check_format
import check_layers
import check_rules
import check_tidy
import source_tree

DESIGN = """# Design
```layers
base < {ops, weights} < nn < models < apps
without torch: base
```
"""


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("docs/design.md", DESIGN)

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def assert_one(self, findings, *words):
        self.assertEqual(len(findings), 1, findings)
        for word in words:
            self.assertIn(word, findings[0])

    def test_including_to_the_left_is_fine(self):
        self.write("src/nn/a.h", '#include "base/status.h"\n#include "ops/a.h"\n#include "nn/b.h"\n')
        self.assertEqual(check_layers.check(self.root), [])

    def test_including_to_the_right_fails(self):
        self.write("src/ops/a.cpp", '#include <vector>\n#include "nn/linear.h"\n')
        self.assert_one(check_layers.check(self.root), "src/ops/a.cpp:2", "nn/linear.h")

    def test_including_a_neighbour_fails(self):
        self.write("src/ops/a.cpp", '#include "weights/file.h"\n')
        self.assert_one(check_layers.check(self.root), "ops must not include weights/file.h")

    def test_a_folder_outside_the_table_fails(self):
        self.write("src/utils/a.cpp", "\n")
        self.assert_one(check_layers.check(self.root), "utils is not in the layers")

    def test_torch_in_a_torch_free_folder_fails(self):
        self.write("src/base/a.h", "#include <c10/util/Exception.h>\n")
        self.write("src/ops/a.h", "#include <ATen/ATen.h>\n")
        self.assert_one(check_layers.check(self.root), "src/base/a.h:1", "without torch")

    def test_the_table_must_be_there(self):
        self.write("docs/design.md", "# Design\n")
        self.assertRaises(SystemExit, check_layers.check, self.root)

    def test_banned_includes_fail(self):
        for name in ("torch/torch.h", "torch/nn/module.h", "torch/nn.h", "torch/extension.h"):
            self.write("src/ops/a.cpp", f"#include <{name}>\n")
            self.assert_one(check_rules.check(self.root), name)
        self.write("src/ops/a.cpp", "#include <torch/optim/adamw.h>\n")
        self.assertEqual(check_rules.check(self.root), [])

    def test_words_of_parallel_execution_in_a_model_fail(self):
        self.write("src/models/unet/net.cpp", "GroupNorm norm;\nint rank = 0;\n")
        self.write("src/nn/a.cpp", "int rank = 0;\n")
        self.assert_one(check_rules.check(self.root), "src/models/unet/net.cpp:2", "rank")

    def test_a_header_that_has_torch_by_luck_fails(self):
        self.write("src/tensor/tensor.h", "#include <ATen/ATen.h>\nat::Tensor a();\n")
        self.write("src/nn/a.h", '#include "tensor/tensor.h"\n// at::\nat::Tensor a();\n')
        self.write("src/nn/b.h", "// only says at::Tensor\n")
        self.assertEqual(check_rules.check(self.root), [])
        self.write("src/nn/c.h", "at::Tensor a();\n")
        self.assert_one(check_rules.check(self.root), "src/nn/c.h")

    def test_long_files_fail(self):
        self.write("src/ops/a.cpp", "\n" * 500)
        self.assertEqual(check_rules.check(self.root), [])
        self.write("src/ops/b.cpp", "\n" * 801)
        self.assert_one(check_rules.check(self.root), "src/ops/b.cpp", "801")

    def test_a_long_model_fails_earlier(self):
        self.write("src/models/unet/net_test.cpp", "\n" * 500)
        self.write("src/models/unet/net.cpp", "\n" * 401)
        self.assert_one(check_rules.check(self.root), "src/models/unet/net.cpp", "401")

    def test_places_of_one_machine_fail(self):
        self.write("docs/a.md", "see /wor" "k/x\n")
        self.assert_one(check_rules.check(self.root), "docs/a.md:1")
        self.write("docs/a.md", "fetch from pypi" ".org\n")
        self.assert_one(check_rules.check(self.root), "docs/a.md:1")

    def test_unformatted_code_fails(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write("src/ops/a.cpp", "int main() { return 0; }\n")
        self.write("src/ops/b.cpp", "int  main( ) {return 0;}\n")
        self.assert_one(check_format.check(self.root), "src/ops/b.cpp")

    def tidy(self):
        """What check_tidy finds, by this tree's rules and with a cache of its own."""
        shutil.copy(pathlib.Path(__file__).parents[1] / ".clang-tidy", self.root)
        sources = sorted(self.root.glob("src/**/*.cpp"))
        self.write("build/compile_commands.json", json.dumps([
            {"directory": str(self.root), "file": str(path),
             "command": f"c++ -std=c++20 -I{self.root}/src -o a.o -c {path}"} for path in sources]))
        with mock.patch.dict(os.environ, XDG_CACHE_HOME=str(self.root / "cache")):
            return check_tidy.check(self.root, self.root / "build")

    def test_what_tidy_refuses_fails(self):
        self.write("src/ops/a.cpp", "int main() { return 0; }\n")
        self.write("src/ops/b.cpp", "double half(int n) { return n / 2; }\n")
        self.write("src/ops/b_test.cpp", "double half(int n) { return n / 2; }\n")
        self.assert_one(self.tidy(), "src/ops/b.cpp:1", "bugprone-integer-division")
        # Only a clean verdict is kept.
        self.assert_one(self.tidy(), "src/ops/b.cpp:1", "bugprone-integer-division")

    def test_files_that_use_the_same_names_are_tidy(self):
        self.write("src/ops/a.cpp", "static int one() { return 1; }\nint a() { return one(); }\n")
        self.write("src/ops/b.cpp", "static int one() { return 1; }\nint b() { return one(); }\n")
        self.assertEqual(self.tidy(), [])

    def test_a_clean_verdict_of_tidy_lasts_until_a_header_changes(self):
        self.write("src/ops/a.h", "inline double half(int n) { return n / 2.0; }\n")
        self.write("src/ops/a.cpp", '#include "ops/a.h"\n')
        self.assertEqual(self.tidy(), [])
        self.write("src/ops/a.h", "inline double half(int n) { return n / 2; }\n")
        self.assert_one(self.tidy(), "src/ops/a.h:1", "bugprone-integer-division")

    def test_build_folders_are_not_read(self):
        self.write("build/src/nn/a.cpp", "\n")
        self.write("src/nn/a.cpp", "\n")
        self.assertEqual(source_tree.code_files(self.root), [pathlib.Path("src/nn/a.cpp")])


if __name__ == "__main__":
    unittest.main()
