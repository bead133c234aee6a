package server

// Held returns how many groups the server keeps a count, and how many streams, of.
func (s *Server) Held() (members, streams int) {
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	for _, m := range s.roster.members {
		streams += len(m.deliveries)
	}
	return len(s.roster.members), streams
}

// Clock is what a test may give a server in place of the machine's.
type Clock = clock

// UseClock makes the server wait by another clock.
func (s *Server) UseClock(c Clock) { s.clock = c }
