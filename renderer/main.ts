// First: what follows makes style elements.
import './csp.ts';
import '@xterm/xterm/css/xterm.css';
import './styles/base.css';
import './styles/dock.css';
import { mount } from 'svelte';
import App from './App.svelte';

mount(App, { target: document.getElementById('app')! });
