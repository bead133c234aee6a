package differential

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// startServer answers HTTP/1.1 requests without bodies, each by its head: quickly, and no more than that.
func startServer(t testing.TB, answer func(head string) string) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &rawServer{answer: answer, open: map[net.Conn]bool{}}
	s.serving.Go(func() { s.accept(listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		s.close()
		s.serving.Wait()
	})
	return listener.Addr().(*net.TCPAddr).Port
}

type rawServer struct {
	answer  func(head string) string
	serving sync.WaitGroup
	mutex   sync.Mutex
	open    map[net.Conn]bool
	closed  bool
}

func (s *rawServer) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.mutex.Lock()
		s.open[conn] = true
		if s.closed {
			_ = conn.Close()
		}
		s.mutex.Unlock()
		s.serving.Go(func() { s.serve(conn) })
	}
}

func (s *rawServer) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	for conn := range s.open {
		_ = conn.Close()
	}
}

func (s *rawServer) serve(conn net.Conn) {
	reader := bufio.NewReaderSize(conn, 1<<14)
	defer func() {
		_ = conn.Close()
		s.mutex.Lock()
		defer s.mutex.Unlock()
		delete(s.open, conn)
	}()
	for {
		head, err := readHead(reader)
		if err != nil {
			return
		}
		if _, err := conn.Write([]byte(s.answer(head))); err != nil {
			return
		}
	}
}

func readHead(reader *bufio.Reader) (string, error) {
	var out strings.Builder
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if len(line) <= 2 {
			return out.String(), nil
		}
		out.Write(line)
	}
}

// echo answers with the head of the request, as the backend sees it.
func echo(head string) string {
	body := head
	if strings.HasPrefix(head, "HEAD ") {
		body = ""
	}
	return fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s", len(head), body)
}

// authorize answers as the request asks for: see provider.
func authorize(head string) string {
	_, path, _ := strings.Cut(head, " /")
	name, _, _ := strings.Cut(path, "/")
	status := "403 Forbidden"
	if strings.Contains(head, "x-authz-"+name+": allow") {
		status = "200 OK"
	}
	return "HTTP/1.1 " + status + "\r\ncontent-length: 0\r\n\r\n"
}
