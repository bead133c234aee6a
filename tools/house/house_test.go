// Package house holds what CONTRIBUTING.md says of the repository and no linter can say: every
// package has a rule of arrows and a line in the table of folders, and functions and types stay small.
package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"
)

// root is where the repository begins.
const root = "../.."

// file is one source file that is neither a test nor generated.
type file struct {
	// path is relative to the root, with slashes.
	path string
	*ast.File
	set *token.FileSet
}

// files returns the source files of the module.
func files(t *testing.T) []file {
	t.Helper()
	var out []file
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && rel != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.IsDir() && rel != ".":
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil { // another module
				return fs.SkipDir
			}
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, name, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			if !ast.IsGenerated(parsed) {
				out = append(out, file{filepath.ToSlash(rel), parsed, set})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 300 {
		t.Fatalf("only %d files were found", len(out))
	}
	return out
}

// folders returns the folders of the files, each with one of its files.
func folders(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, f := range files(t) {
		out[path.Dir(f.path)] = f.path
	}
	return out
}

// rules reads the depguard rules of .golangci.yml: for each the files that it is about.
func rules(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, ".golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct {
						Files []string `yaml:"files"`
					} `yaml:"rules"`
				} `yaml:"depguard"`
			} `yaml:"settings"`
		} `yaml:"linters"`
	}
	if err := yaml.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for name, rule := range config.Linters.Settings.Depguard.Rules {
		out[name] = rule.Files
	}
	return out
}

// A package without a rule of its own may import anything.
func TestEveryPackageHasARuleOfArrows(t *testing.T) {
	general := []string{"everywhere", "only-tests-have-an-envoy", "the-compiler-is-pure"}
	all := rules(t)
	for folder, example := range folders(t) {
		ruled := false
		for name, patterns := range all {
			ruled = ruled || !slices.Contains(general, name) && slices.ContainsFunc(patterns, func(pattern string) bool {
				matched, err := doublestar.Match(pattern, "/"+example)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return matched
			})
		}
		if !ruled {
			t.Errorf("%s has no rule in .golangci.yml that says what it may import", folder)
		}
	}
}

// A newcomer finds every folder in the table of CONTRIBUTING.md.
func TestEveryFolderIsNamed(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	for folder := range folders(t) {
		named := false
		for at := folder; at != "."; at = path.Dir(at) {
			// What stands below an example or a tool is the example's, or the tool's.
			above := at == "examples" || at == "tools"
			named = named || (at == folder || above) && strings.Contains(string(b), "`"+at+"`")
		}
		if !named {
			t.Errorf("CONTRIBUTING.md does not say what %s holds", folder)
		}
	}
}

// The bounds of functions, in lines from func to the last brace, and of methods on one type.
const (
	medianLines, tenthLines, mostLines = 10, 25, 60
	mostMethods                        = 60
)

func TestFunctionsStaySmall(t *testing.T) {
	var lengths []int
	for _, f := range files(t) {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1
			lengths = append(lengths, lines)
			// The table of codes is data.
			if lines > mostLines && f.path != "translate/diag/codetable.go" {
				t.Errorf("%s: %s has %d lines, want at most %d", f.path, fn.Name, lines, mostLines)
			}
		}
	}
	slices.Sort(lengths)
	median, tenth := lengths[len(lengths)/2], lengths[len(lengths)*9/10]
	t.Logf("%d functions: median %d, 90th percentile %d lines", len(lengths), median, tenth)
	if median > medianLines || tenth > tenthLines {
		t.Errorf("the median is %d lines and the 90th percentile %d, want at most %d and %d", median, tenth, medianLines, tenthLines)
	}
}

func TestNoTypeKnowsEverything(t *testing.T) {
	methods := map[string]int{}
	for _, f := range files(t) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				methods[path.Dir(f.path)+"."+receiver(fn.Recv.List[0].Type)]++
			}
		}
	}
	for name, n := range methods {
		if n > mostMethods {
			t.Errorf("%s has %d methods, want at most %d", name, n, mostMethods)
		}
	}
}

// receiver names the type of a receiver.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return "?"
	}
}
