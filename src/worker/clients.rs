//! What is wanted: the instances, how urgently each wants its notes, and whose turn it is. Under the service's lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::client::Client;
use super::loaded::Loaded;
use super::model_slot::LoadOrder;
use super::notes::Notes;
use super::priority::{ClientId, Priority};
use crate::note::{ModelId, Note, NoteKey, Sound};

#[derive(Default)]
pub struct Clients {
    clients: BTreeMap<ClientId, Client>,
    /// Counts the instances that there were.
    last_id: ClientId,
    /// Counts the renderings given out.
    turns: u64,
}

impl Clients {
    pub fn add(&mut self, client: Client) -> ClientId {
        self.last_id += 1;
        self.clients.insert(self.last_id, client);
        self.last_id
    }

    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        self.clients.remove(&id)
    }

    pub fn get(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id)
    }

    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.get_mut(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.clients.values()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.clients.values_mut()
    }

    fn started_mut(&mut self) -> impl Iterator<Item = &mut Client> {
        self.iter_mut().filter(|client| client.is_started())
    }

    fn players_mut(&mut self, model: ModelId) -> impl Iterator<Item = &mut Client> {
        self.iter_mut().filter(move |client| client.plays(model))
    }

    // What they want.

    /// Looks at what the audio threads want. Returns whether any wants something else now; notes that are no longer used go to
    /// `trash`.
    pub fn poll(&mut self, trash: &mut Vec<Arc<Note>>) -> bool {
        // Each of them is to be looked at.
        self.started_mut().fold(false, |changed, client| client.poll(trash) | changed)
    }

    pub fn is_wanted(&self, key: &NoteKey) -> bool {
        self.iter().filter_map(Client::wishes).any(|wishes| wishes.priority_of(key).is_some())
    }

    /// The next note of a priority that is `open`, of the instance that has waited longest for its turn. `open` is told as well
    /// whether the instance wants the processor's own.
    pub fn next(&self, priority: Priority, open: impl Fn(&NoteKey, bool) -> bool) -> Option<(ClientId, NoteKey)> {
        let waiting = self.clients.iter().filter_map(|(id, client)| {
            let exact = client.is_exact();
            Some((client.served(), *id, client.next(priority, |key| open(key, exact))?))
        });
        waiting.min_by_key(|(served, ..)| *served).map(|(_, id, key)| (id, key))
    }

    /// It is an instance's turn, with a note of a priority. Returns the model that renders it.
    pub fn serve(&mut self, id: ClientId, priority: Priority, key: &NoteKey) -> Option<Arc<Loaded>> {
        self.turns += 1;
        let client = self.clients.get_mut(&id)?;
        client.serve(priority, key, self.turns);
        client.model().cloned()
    }

    /// The models that are played.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Loaded>> {
        self.iter().filter_map(Client::model)
    }

    /// The models that are played live.
    pub fn live_models(&self) -> impl Iterator<Item = &Arc<Loaded>> {
        self.iter().filter(|client| client.is_live()).filter_map(Client::model)
    }

    /// The first order of a model that waits.
    pub fn pending(&self) -> Option<(ClientId, &LoadOrder)> {
        self.clients.iter().find_map(|(id, client)| Some((*id, client.pending()?)))
    }

    /// The timbres at rest, with the notes of their keyboards.
    pub fn keyboards_at_rest(&self) -> Vec<(Sound, Vec<NoteKey>)> {
        let keyboard = |client: &Client| Some((client.sound_at_rest()?, client.wishes()?.keyboard().collect()));
        self.iter().filter_map(keyboard).collect()
    }

    // What they have.

    /// Sends to all what is there and wanted.
    pub fn deliver(&mut self, notes: &mut Notes) {
        self.iter_mut().for_each(|client| client.deliver(notes));
    }

    /// Something has changed for those who play a model.
    pub fn mark_dirty(&mut self, model: ModelId) {
        self.players_mut(model).for_each(Client::mark_dirty);
    }

    // What they are told.

    /// Shows a sentence to those who play a model.
    pub fn show(&mut self, model: ModelId, sentence: &str) {
        self.players_mut(model).for_each(|client| client.messages().show(sentence.to_owned()));
    }

    /// Shows what is no fault of the sound to all, unless something else is shown.
    pub fn show_if_free(&mut self, sentence: &str) {
        self.started_mut().for_each(|client| client.messages().show_if_free(sentence));
    }

    /// Takes a sentence back wherever it is shown.
    pub fn withdraw(&mut self, sentence: &str) {
        self.iter_mut().for_each(|client| client.messages().withdraw(sentence));
    }
}
