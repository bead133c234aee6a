package fanout

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// shareVariable makes a process one of simulated gateways. It holds its share.
const shareVariable = "PORTREEVE_FANOUT"

// Simulate returns at once in the program that measures. In a process of simulated gateways it never returns.
func Simulate() {
	text := os.Getenv(shareVariable)
	if text == "" {
		return
	}
	if err := simulate(context.Background(), text, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulated gateways:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// simulate runs a share of gateways until in ends.
func simulate(ctx context.Context, text string, in io.Reader, out io.Writer) error {
	var s share
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("read the share: %w", err)
	}
	c := &crowd{share: s, said: json.NewEncoder(out), waiting: map[int]struct{}{}}
	commands := json.NewDecoder(bufio.NewReader(in))
	for {
		var next command
		if err := commands.Decode(&next); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a command: %w", err)
		}
		if err := c.obey(ctx, next); err != nil {
			return err
		}
	}
}

// crowd are the gateways of one process and what is waited for.
type crowd struct {
	share share

	mu        sync.Mutex
	said      *json.Encoder
	task      task
	waiting   map[int]struct{}
	resources int
	cpu       time.Duration
}

// obey begins with a command, says so, and, later, that it is done.
func (c *crowd) obey(ctx context.Context, next command) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.task, c.resources, c.cpu = next.Do, 0, usedCPU()
	clear(c.waiting)
	for i := c.share.First; i < c.share.Last; i++ {
		if next.Do != update || i%c.share.Groups < next.Groups {
			c.waiting[i] = struct{}{}
		}
	}
	if next.Do == connect {
		c.open(ctx)
	}
	return c.said.Encode(said{})
}

// open starts the gateways.
func (c *crowd) open(ctx context.Context) {
	for i := c.share.First; i < c.share.Last; i++ {
		go newGateway(i, c.share, c).run(ctx)
	}
	if c.share.Stuck {
		go newGateway(c.share.First, c.share, c).hang(ctx)
	}
}

// got notes that a gateway got something, in its place what it waits for.
func (c *crowd) got(i int, t task, resources int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources += resources
	if _, waits := c.waiting[i]; !waits || t != c.task {
		return
	}
	if delete(c.waiting, i); len(c.waiting) == 0 {
		_ = c.said.Encode(said{At: time.Now(), Resources: c.resources, CPU: usedCPU() - c.cpu})
	}
}
