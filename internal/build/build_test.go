package build

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRead holds that what the build was told counts before what Go knows, and that nothing is
// ever empty.
func TestRead(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: modified}}
	}
	for name, c := range map[string]struct {
		version, commit string
		written         debug.BuildInfo
		want            Info
	}{
		"nothing is known":     {want: Info{"unknown", "unknown", runtime.Version()}},
		"told":                 {version: "v1.2.3", commit: "def", written: debug.BuildInfo{GoVersion: "go1.99", Main: debug.Module{Version: "v9"}, Settings: vcs("true")}, want: Info{"v1.2.3", "def", "go1.99"}},
		"by go install":        {written: debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, want: Info{"v1.2.3", "unknown", runtime.Version()}},
		"of a work tree":       {written: debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: vcs("false")}, want: Info{"unknown", "abc", runtime.Version()}},
		"of a changed one":     {written: debug.BuildInfo{Settings: vcs("true")}, want: Info{"unknown", "abc-dirty", runtime.Version()}},
		"told only a version":  {version: "v1", written: debug.BuildInfo{Settings: vcs("false")}, want: Info{"v1", "abc", runtime.Version()}},
		"changed, but no name": {written: debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}}, want: Info{"unknown", "unknown", runtime.Version()}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, of(c.version, c.commit, &c.written)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := Read("", ""); got.Version == "" || got.Commit == "" || got.GoVersion != runtime.Version() {
		t.Errorf("of this program it says %+v", got)
	}
}
