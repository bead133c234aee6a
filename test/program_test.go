package test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Exit codes of the program.
const (
	exitClean    = 0
	exitFindings = 1
	exitUsage    = 2
)

// inNamespace is set where a test runs in a network namespace of its own, and builtProgram to the program that is built already.
const (
	inNamespace  = "PORTREEVE_TEST_NAMESPACE"
	builtProgram = "PORTREEVE_TEST_PROGRAM"
)

// workshop is the folder of the program that is tested and of what it reports of itself.
var workshop string

// TestMain makes the workshop. A race that any process of the program reports there fails the tests.
func TestMain(m *testing.M) {
	if path := os.Getenv(holdLease); path != "" {
		heldLease(path)
		os.Exit(0)
	}
	code, err := inWorkshop(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func inWorkshop(tests func() int) (code int, err error) {
	if workshop, err = os.MkdirTemp("", "portreeve-test-"); err != nil {
		return 0, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(workshop)
	code = tests()
	return code, races()
}

// program builds the program, once, as the tests are built: with the race detector where they have it.
var program = sync.OnceValues(func() (path string, err error) {
	if path := os.Getenv(builtProgram); path != "" {
		return path, nil
	}
	if err := lookAtSources(); err != nil {
		return "", err
	}
	path = filepath.Join(workshop, "portreeve")
	flags := []string{"build", "-buildvcs=false", "-o", path}
	if underRace {
		flags = append(flags, "-race")
	}
	out, err := exec.Command("go", append(flags, "../cmd/portreeve")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

// lookAtSources lists what the program is made of. go test keeps a result for as long as what the tests
// have looked at is the same, and what a go build of theirs looks at does not count: without this a
// change of the program would be reported as passed from before.
func lookAtSources() error {
	_, err := os.Stat("../go.sum")
	for _, folder := range []string{"../cmd", "../internal", "../proto", "../translate", "../xds"} {
		err = errors.Join(err, filepath.WalkDir(folder, func(_ string, _ fs.DirEntry, err error) error { return err }))
	}
	return err
}

// races returns what the race detector has found in any process of the program.
func races() error {
	reports, err := filepath.Glob(filepath.Join(workshop, "race.*"))
	for _, path := range reports {
		content, readErr := os.ReadFile(path)
		err = errors.Join(err, readErr, fmt.Errorf("DATA RACE in the program:\n%s", content))
	}
	return err
}

// command is the program with arguments. The end of the context is SIGTERM to it, and SIGKILL
// where it goes on all the same. It never outlives the tests.
func command(ctx context.Context, args ...string) *exec.Cmd {
	path, err := program()
	c := exec.CommandContext(ctx, path, args...)
	if err != nil {
		c.Err = err // which its start returns
	}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = bound
	// Without the pause of a second that the detector makes at every end.
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0 log_path="+filepath.Join(workshop, "race"))
	c.SysProcAttr = diesWithTests()
	return c
}

// run runs one command line and returns its exit code, which is -1 where a signal ended it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := command(ctx, args...)
	c.Stdout, c.Stderr = stdout, stderr
	if err := c.Run(); err != nil && c.ProcessState == nil {
		fmt.Fprintf(stderr, "start the program: %v\n", err)
	}
	return c.ProcessState.ExitCode()
}

// logFile is the path of what the program writes to its standard output and error. It is a file
// and no pipe, so that what was written before an answer is there to read after it.
type logFile string

func (l logFile) String() string {
	content, err := os.ReadFile(string(l))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// process is a program that was started.
type process struct {
	cmd   *exec.Cmd
	t     testing.TB
	ended chan struct{} // closed when it is gone
}

// startProcess starts a command whose output goes to a log. The caller owes it an end.
func startProcess(t testing.TB, c *exec.Cmd, log logFile) *process {
	t.Helper()
	file, err := os.OpenFile(string(log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	defer file.Close()
	c.Stdout, c.Stderr = file, file
	must(t, c.Start())
	p := &process{cmd: c, t: t, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = c.Wait() // how it ended stands in its state
	}()
	return p
}

// gone reports whether the process has ended.
func (p *process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as no program can hinder.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails when it has ended already
	<-p.ended
}

// stop tells the process to end and returns its exit code. One that goes on all the same is killed,
// and the test has failed.
func (p *process) stop() int {
	p.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended already
	select {
	case <-p.ended:
	case <-time.After(bound):
		p.t.Error("the program did not stop")
		p.kill()
	}
	return p.cmd.ProcessState.ExitCode()
}
