package sink

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/audit"
)

// childOf makes this program a control plane that a test kills: it says where to deliver, where the spool is, and from which number on.
const childOf = "SINK_TEST_CHILD"

func asChild() bool {
	url, rest, child := strings.Cut(os.Getenv(childOf), " ")
	if !child {
		return false
	}
	dir, first, _ := strings.Cut(rest, " ")
	from, err := strconv.Atoi(first)
	if err == nil {
		err = taking(url, dir, from)
	}
	fmt.Println(err)
	return true
}

// taking takes lines without end, and says of each when it is kept.
func taking(url, dir string, from int) error {
	s, err := Open(Options{Config: Config{Webhooks: []Webhook{{Name: "siem", URL: url}}, Spool: DefaultBounds()}, Spool: dir, Logger: quiet()})
	if err != nil {
		return err
	}
	s.Start(func(audit.Event) {})
	for ; ; from += 3 {
		if err := s.Take(context.Background(), made(from, from+2)); err != nil {
			return err
		}
		fmt.Println(from + 2)
	}
}

// TestAProcessThatIsKilledLosesNothingThatItKept kills one again and again, at moments that its own progress decides: all that Take
// said to be kept arrives, in order, at least once.
func TestAProcessThatIsKilledLosesNothingThatItKept(t *testing.T) {
	e, dir, kept := listening(t), t.TempDir(), 0
	for round := range 8 {
		kept = killed(t, fmt.Sprintf("%s %s %d", e.URL, dir, kept+1), kept, 5+11*round)
	}
	s, err := Open(Options{Config: Config{Webhooks: []Webhook{{Name: "siem", URL: e.URL}}, Spool: DefaultBounds()}, Spool: dir, Logger: quiet()})
	must(t, err)
	s.Start(func(audit.Event) {})
	eventually(t, "all arrive", func() bool {
		got := once(e.numbers())
		return len(got) > 0 && got[len(got)-1] >= kept
	})
	closed(t, s)
	// What a child took and could not say any more is taken again by the next: a number may come twice, and none is missing.
	got := e.numbers()
	if first := once(got); !slices.Equal(first, numbers(1, first[len(first)-1])) {
		t.Errorf("something is missing in %v", first)
	}
	t.Logf("%d kept, %d arrived with what came twice", kept, len(got))
}

// killed starts a child, kills it after it has kept so many more batches, and returns what it kept.
func killed(t *testing.T, child string, kept, batches int) int {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), childOf+"="+child)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	lines := bufio.NewScanner(out)
	for range batches {
		if !lines.Scan() {
			t.Fatalf("the child ended: %v", lines.Err())
		}
		if kept, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
	}
	must(t, c.Process.Kill())
	for lines.Scan() { // what it kept before the end
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			kept = n
		}
	}
	_ = c.Wait()
	return kept
}
