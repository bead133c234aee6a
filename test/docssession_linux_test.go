package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// docsScript is set in the process that becomes the shell of a page, to the script.
const docsScript = "PORTREEVE_TEST_DOCS_SCRIPT"

// docsPrelude is what the shell of a page reads first. mark and ends are called where blocks begin and end; await is for hidden
// commands, which wait for what was started in the background.
const docsPrelude = `unset BASH_ENV
mark() { printf '\036%d\n' "$1"; }
failed() { printf 'line %d ends with %d\n' "$1" "$2"; }
trap 'failed $LINENO $?' ERR
ends() { [ "$1" = "$2" ] || { printf 'it ends with %d and not with %d\n' "$1" "$2"; exit 1; }; set -e; trap 'failed $LINENO $?' ERR; }
await() {
	for _ in $(seq 200); do if "$@" >/dev/null 2>&1; then return 0; fi; sleep 0.1; done
	echo "in 20 s there was no: $*"; "$@"
}
`

// docsSession is the shell of one page.
type docsSession struct {
	name string // of the page
	// The folders are apart, so that the commands see nothing but what they make.
	work, tools string
	environment []string
}

// newDocsSession writes the script of a page and what it needs: the program and Envoy on the PATH, and a folder that is empty.
func newDocsSession(t *testing.T, name string, script []string) docsSession {
	t.Helper()
	s := docsSession{name: name, work: t.TempDir(), tools: t.TempDir()}
	envoy, err := envoytest.Binary()
	must(t, err)
	built, err := program()
	must(t, err)
	bin := filepath.Join(s.tools, "bin")
	must(t, os.MkdirAll(bin, 0o700))
	envoy, err = filepath.Abs(envoy)
	must(t, err)
	root, err := filepath.Abs("..")
	must(t, err)
	must(t, os.Symlink(envoy, filepath.Join(bin, "envoy")))
	must(t, os.Symlink(built, filepath.Join(bin, "portreeve")))
	prelude, page := filepath.Join(s.tools, "prelude"), filepath.Join(s.tools, filepath.FromSlash(name))
	write(t, prelude, docsPrelude)
	must(t, os.MkdirAll(filepath.Dir(page), 0o700))
	write(t, page, strings.Join(script, "\n")+"\n")
	s.environment = []string{
		docsScript + "=" + page, "BASH_ENV=" + prelude, "PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + s.work, "TMPDIR=" + s.tools,
		"REPO=" + root, "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=0 log_path=" + filepath.Join(workshop, "race"),
	}
	return s
}

// run runs the page and returns what it printed. The shell is the first process of its namespace: at its end, however that
// comes, the kernel ends all that it has started.
func (s docsSession) run(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), docsBound)
	defer cancel()
	const spaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
	for _, flags := range []uintptr{spaces, spaces | syscall.CLONE_NEWUSER} {
		printed, err := s.runApart(ctx, t, flags)
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
			continue // this machine gives no such namespace
		}
		if err != nil {
			t.Fatalf("%s: %v, %v\n%s", s.name, err, ctx.Err(), lastBlock(s.name, printed))
		}
		return printed
	}
	t.Skip("SKIPPED, NOT PASSED: this machine gives no namespaces, and elsewhere the commands would meet those of other pages")
	return ""
}

func (s docsSession) runApart(ctx context.Context, t *testing.T, flags uintptr) (printed string, err error) {
	t.Helper()
	log := filepath.Join(s.tools, "log")
	file, err := os.Create(log)
	must(t, err)
	defer file.Close()
	self, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(ctx, self, "-test.run=^TestEveryShellBlockOfTheDocumentationRuns$")
	c.Dir, c.Env, c.Stdout, c.Stderr = s.work, s.environment, file, file
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if flags&syscall.CLONE_NEWUSER != 0 {
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err = c.Run()
	return logFile(log).String(), err
}

// becomeDocsShell makes this process, which is the first of its namespaces, the shell of a page. It returns only when it cannot.
func becomeDocsShell(script string) error {
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	if err := ownFolders(os.Getenv("TMPDIR")); err != nil {
		return fmt.Errorf("mount what is of the namespaces: %w", err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		return err
	}
	return syscall.Exec(bash, []string{"bash", "-eu", script}, os.Environ())
}

// ownFolders puts folders of the page's own over those of the machine into which pages write; /etc has what it had before.
func ownFolders(tools string) error {
	over := filepath.Join(tools, "etc")
	upper, work := filepath.Join(over, "upper"), filepath.Join(over, "work")
	err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		os.Mkdir(over, 0o755), unix.Mount("tmpfs", over, "tmpfs", 0, ""),
		os.Mkdir(upper, 0o755), os.Mkdir(work, 0o755),
		unix.Mount("overlay", "/etc", "overlay", 0, "lowerdir=/etc,upperdir="+upper+",workdir="+work),
	)
	// Of /dev/shm two Envoys of one number would share what is in it.
	for _, folder := range []string{"/dev/shm", "/mnt", "/run", "/var/lib", "/var/log"} {
		err = errors.Join(err, unix.Mount("tmpfs", folder, "tmpfs", 0, ""))
	}
	return err
}

// lastBlock is what was printed by the block that failed, and where that stands.
func lastBlock(name, printed string) string {
	marks := docsMark.FindAllStringSubmatchIndex(printed, -1)
	if len(marks) == 0 {
		return printed
	}
	last := marks[len(marks)-1]
	return fmt.Sprintf("%s:%s: the block printed:\n%s", name, printed[last[2]:last[3]], printed[last[1]:])
}
