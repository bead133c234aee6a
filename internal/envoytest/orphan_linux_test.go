package envoytest

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The test binary runs itself as the program that is killed.
const asVictim = "ENVOYTEST_VICTIM"

func TestEnvoyDiesWithItsProgram(t *testing.T) {
	if os.Getenv(asVictim) == "1" {
		liveUntilKilled(t)
	}
	t.Setenv("ENVOY", Require(t))
	victim := exec.CommandContext(bounded(t), os.Args[0], "-test.run=^TestEnvoyDiesWithItsProgram$")
	victim.Env = append(os.Environ(), asVictim+"=1", "TMPDIR="+t.TempDir()) // it leaves its folder behind
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	admin, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(admin))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	// Envoy never speaks first: what ends this read is its end.
	_ = conn.SetReadDeadline(time.Now().Add(testBound))
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("Envoy outlived the program that started it: %v", err)
	}
}

// liveUntilKilled starts Envoy, prints its admin address and waits for the end, a minute at most.
func liveUntilKilled(t *testing.T) {
	t.Helper()
	e, err := Start(t.Context(), Options{Bootstrap: bootstrap(1)})
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString(e.Admin() + "\n")
	select {
	case <-e.Done():
	case <-time.After(time.Minute):
	}
	e.Stop()
	os.Exit(1)
}
