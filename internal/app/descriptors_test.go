package app

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"
)

// TestConnectionsLeaveDescriptors holds how many connections there may be for a limit of open files,
// and that a limit that is too low is warned of with its name and that of the flag.
func TestConnectionsLeaveDescriptors(t *testing.T) {
	for _, c := range []struct {
		files uint64
		flag  int
		want  int
	}{
		{math.MaxUint64, 0, DefaultMaxConnections}, {DefaultMaxConnections + reserved, 0, DefaultMaxConnections}, {1024, 0, 768}, {1024, 768, 768},
		{1024, 100, 100}, {512, 0, 256}, {100, 0, 50}, {1, 0, 1},
	} {
		var log bytes.Buffer
		a := &App{options: Options{MaxConnections: c.flag, Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		got := a.connections(c.files)
		if got != c.want {
			t.Errorf("%d files and a flag of %d give %d connections, want %d", c.files, c.flag, got, c.want)
		}
		warned := strings.Contains(log.String(), "--xds-max-connections") && strings.Contains(log.String(), "ulimit -n")
		if fewer := got < c.flag || c.flag == 0 && got < DefaultMaxConnections; warned != fewer {
			t.Errorf("%d files and a flag of %d: the log says %q", c.files, c.flag, &log)
		}
	}
}
